import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type BuildOptions, build } from '../build'
import type { BuildReport } from '../build-report'
import { normalise } from '../clean/steps'
import * as dedup from '../dedup'
import { decontaminate } from '../dedup/decontaminate'
import { mix32 } from '../dedup/minhash-js'
import { plainFormat } from '../format/template'
import * as sources from '../sources'
import { defineSource } from '../sources/source'
import { filesOf } from '../test/files-of'
import * as tests from '../tests'
import type { CptText, Row, Tokenizer } from '../types'
import { mergeShards } from './merge'
import { runShard } from './run'

const folder = mkdtempSync(join(tmpdir(), 'chimed-shard-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }), 60_000)

/** A code unit a token. */
const characters: Tokenizer = {
  encode: (text, { addSpecialTokens = true } = {}) => [
    ...Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)),
    ...(addSpecialTokens ? [1] : []),
  ],
  decode: (ids) => String.fromCharCode(...Array.from(ids)),
  eosId: 1,
  vocabularySize: 65536,
}

const mini = join(import.meta.dirname, '../../../../examples/data/mini-chimed')
const testSets = ['exam-b', 'exam-c'].map((name) => tests.cmexam(join(mini, `eval/${name}.csv`), { name }))
/** One row in `n`, chosen by its text. */
const someOf =
  (n: number) =>
  (row: unknown): boolean =>
    JSON.stringify(row).length % n === 0
const miniOptions = {
  cpt: [
    sources.huatuoEncyclopedia(join(mini, 'huatuo_encyclopedia_qa'), { limit: 300 }),
    sources.cmexam(join(mini, 'cmexam/train.csv'), { limit: 100 }),
    sources.medqaTextbooks(join(mini, 'medqa_textbooks'), { gather: 0, where: someOf(3) }),
    sources.chineseMedicalDialogue(join(mini, 'chinese_medical_dialogue_data'), { limit: 100 }),
  ],
  sft: [
    sources.chineseMedicalDialogue(join(mini, 'chinese_medical_dialogue_data'), { where: someOf(3) }),
    sources.train1mCn(join(mini, 'train_1m_cn'), { limit: 100 }),
  ],
  dpo: [sources.zhongjingRlhf(join(mini, 'zhongjing_rlhf')), sources.medicalgptReward(join(mini, 'medicalgpt_reward'))],
  steps: [
    normalise(),
    dedup.exact(),
    dedup.substring({ minBytes: 60 }),
    dedup.minhash({ threshold: 0.7, keep: 'longest' }),
    decontaminate({ against: testSets }),
  ],
  tests: testSets,
  split: { validation: 0.1, seed: 3 },
  tokenizer: characters,
  tokens: {
    cpt: { blockSize: 64 },
    sft: {
      maxLength: 128,
      packing: 'bfd',
      format: plainFormat({ tokenizer: characters, maxLength: 128, prompt: ({ content }) => `${content}\n` }),
    },
    dpo: { maxLength: 96, prompt: ({ prompt }) => `${prompt}\n` },
    shardTokens: 4000,
  },
  dropped: true,
} as const satisfies BuildOptions

describe.skipIf(!existsSync(mini))('a sharded build of mini-ChiMed', () => {
  const whole = join(folder, 'whole')
  const expected = build({ ...miniOptions, out: whole }).then(() => filesOf(whole))

  it.each([
    { count: 1, partBytes: 1 << 25, buckets: 64 },
    { count: 2, partBytes: 30_000, buckets: 5 },
    { count: 3, partBytes: 50_000, buckets: 1 },
  ])('writes the bytes of build with $count shards, parts of $partBytes bytes, $buckets buckets', async (cut) => {
    const { count, ...rest } = cut
    const name = `mini-${count}`
    const work = join(folder, `${name}-work`)
    const shards = Array.from({ length: count }, (_, index) =>
      runShard(miniOptions, { work, ...rest, shard: { index, count } }),
    )
    await Promise.all(shards)
    await mergeShards({ ...miniOptions, out: join(folder, name) }, { work, ...rest })
    const written = filesOf(join(folder, name))
    expect(Object.keys(written)).toEqual(Object.keys(await expected))
    for (const [file, bytes] of Object.entries(await expected)) expect(written[file], file).toBe(bytes)
  })
})

/** Records given in memory, one file each, so that every record is read by a task of its own. */
const recordsSource = (texts: readonly string[], name = 'test') => {
  const path = mkdtempSync(join(folder, 'source-'))
  for (const [index, text] of texts.entries())
    writeFileSync(join(path, `${String(index).padStart(4, '0')}.txt`), text === '' ? '\u0000' : text)
  return defineSource<string, CptText>({
    name,
    path,
    pattern: /\.txt$/,
    rows: async function* (file, { label }): AsyncGenerator<Row<string>> {
      yield { value: readFileSync(file, 'utf8'), file: label, line: 1 }
    },
    convert: ({ value }) => ({ record: { text: value === '\u0000' ? '' : value } }),
  })
}

const text = (seed: number, length: number, alphabet: number): string =>
  String.fromCharCode(...Array.from({ length }, (_, i) => 0x4e00 + (mix32(seed * 7919 + i) % alphabet)))

describe('comparing steps in shards', () => {
  it.each([
    { name: 'passages, all copies', steps: [dedup.substring({ minBytes: 30 })] },
    { name: 'passages, all but the first', steps: [dedup.substring({ minBytes: 30, keep: 'first', passes: 1 })] },
    { name: 'passages of tokens', steps: [dedup.substring({ minTokens: 7, tokenizer: characters, passes: 3 })] },
    { name: 'passages of one byte', steps: [dedup.substring({ minBytes: 1, passes: 1 })] },
    { name: 'near-duplicates by edits', steps: [dedup.minhash({ threshold: 0.5, verify: 'edit' })] },
    {
      name: 'near-duplicates by estimate',
      steps: [dedup.minhash({ threshold: 0.4, verify: 'estimate', keep: 'longest' })],
    },
    { name: 'candidates alone', steps: [dedup.minhash({ threshold: 0.4, verify: 'none' })] },
    { name: 'equal but for punctuation', steps: [dedup.exact({ ignorePunctuation: true, keep: 'longest' })] },
    { name: 'the same step twice', steps: [dedup.exact(), normalise(), dedup.exact(), dedup.minhash()] },
  ])('find $name as in memory', async ({ name, steps }) => {
    const passages = Array.from({ length: 6 }, (_, i) => text(i, 12 + i * 5, 400))
    const texts = Array.from({ length: 90 }, (_, i) => {
      const pick = (k: number): string => passages[mix32(i * 31 + k) % 6]!
      const own = text(1000 + i, mix32(i) % 30, i % 3 === 0 ? 2 : 500)
      if (i % 11 === 0) return ''
      if (i % 7 === 0) return `${pick(1)}，${pick(2)}`
      return i % 5 === 0 ? text(i % 4, 60, 900) + (i % 2 ? '。' : '') : own + pick(1) + own + pick(2)
    })
    const options = { cpt: [recordsSource(texts.slice(0, 50), 'one'), recordsSource(texts.slice(50), 'two')], steps }
    const stem = join(folder, name.replaceAll(/\W/g, '-'))
    await build({ ...options, out: `${stem}-whole` })
    const cut = { work: `${stem}-work`, buckets: 3 }
    await Promise.all([0, 1].map((index) => runShard(options, { ...cut, shard: { index, count: 2 } })))
    await mergeShards({ ...options, out: stem }, cut)
    expect(filesOf(stem)).toEqual(filesOf(`${stem}-whole`))
    const { steps: told } = JSON.parse(readFileSync(join(stem, 'report.json'), 'utf8')) as BuildReport
    expect(told.cpt[0]!.output).toBeLessThan(90) // the step has something to do
  })
})
