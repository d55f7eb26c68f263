import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filesOf } from '../test/files-of'
import { chimed } from './command'

const folder = mkdtempSync(join(tmpdir(), 'chimed-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)

async function run(...argv: string[]): Promise<{ code: number; printed: string; told: string }> {
  let [printed, told, clock] = ['', '', 0]
  const surroundings = {
    print: (text: string) => (printed += text),
    tell: (text: string) => (told += text),
    now: () => (clock += 100),
    again: async (others: readonly string[]) => (await run(...others)).code,
  }
  const code = await chimed(argv, surroundings)
  return { code, printed, told }
}

const question = '下列关于虚构的灰斑症的治疗哪一项是正确的'
const config = {
  out: 'out',
  sft: [{ source: 'train1mCn', path: 'raw/sft.jsonl' }],
  cpt: [{ source: 'file', path: 'raw/cpt.jsonl' }],
  steps: [
    { step: 'normalise' },
    { step: 'dedup.exact' },
    { step: 'dedup.minhash', threshold: 0.7 },
    { step: 'dedup.substring', minBytes: 90 },
    { step: 'decontaminate' },
  ],
  tests: [{ test: 'cmexam', path: 'raw/test.csv', name: 'exam' }],
  split: { validation: 0.2, seed: 2 },
  tokenizer: 'module:tokenizer.mjs',
  tokens: { cpt: { blockSize: 32 }, sft: { maxLength: 64, prompts: 'plain', packing: 'bfd' } },
}

beforeAll(() => {
  mkdirSync(at('raw'))
  const answer = (i: number): string =>
    `虚构的${i % 20}号症状需要休息${i % 20}天并多喝水，忌食第${i % 7}种食物，早睡早起`
  const sft = Array.from({ length: 60 }, (_, i) => ({ instruction: `第${i % 30}个问题`, input: '', output: answer(i) }))
  writeFileSync(at('raw/sft.jsonl'), `${sft.map((row) => JSON.stringify(row)).join('\n')}\n{"broken\n`)
  const cpt = Array.from({ length: 50 }, (_, i) => ({
    text: i === 7 ? `题目：${question}。` : answer(i % 45),
    source: 'invented',
  }))
  writeFileSync(at('raw/cpt.jsonl'), `${cpt.map((row) => JSON.stringify(row)).join('\n')}\n`)
  writeFileSync(at('raw/test.csv'), `Question,Options,Answer,Explanation\n${question}？,"A 蓝叶草\nB 白石散",A,因为\n`)
  writeFileSync(
    at('tokenizer.mjs'),
    `export const tokenizer = {
  encode: (text, { addSpecialTokens = true } = {}) => [...Array.from(text, (c) => c.codePointAt(0)), ...(addSpecialTokens ? [1] : [])],
  decode: (ids) => String.fromCodePoint(...ids), eosId: 1, vocabularySize: 65536 }`,
  )
  writeFileSync(at('chimed.json'), JSON.stringify(config))
})

describe('chimed build', () => {
  it('builds a config file, and gives the same bytes in shards and in several processes', async () => {
    const { code, printed, told } = await run('build', at('chimed.json'))
    expect(told).toContain('00-read')
    expect(code).toBe(0)
    expect(printed).toContain('dedup.minhash')
    expect(printed).toMatch(/decontaminate +\d+ +\d+ +leak 1/)
    expect(printed).toContain('json 1')
    const whole = filesOf(at('out'))
    expect(Object.keys(whole)).toContain('tokens/train-cpt-00000.tokens')

    writeFileSync(at('shards.json'), JSON.stringify({ ...config, out: 'shards' }))
    const runs = await Promise.all([0, 1, 2].map((index) => run('build', at('shards.json'), '--shard', `${index}/3`)))
    expect(runs.map((one) => one.code)).toEqual([0, 0, 0])
    expect((await run('merge', at('shards.json'), '--clean')).code).toBe(0)
    expect(filesOf(at('shards'))).toEqual(whole)
    expect(existsSync(at('shards.work'))).toBe(false)

    writeFileSync(at('workers.json'), JSON.stringify({ ...config, out: 'workers' }))
    const cut = ['--part-bytes', '900', '--buckets', '2']
    expect((await run('build', at('workers.json'), '--workers', '2', ...cut)).code).toBe(0)
    expect(filesOf(at('workers'))).toEqual(whole)
  })

  it('estimates without writing', async () => {
    writeFileSync(at('dry.json'), JSON.stringify({ ...config, out: 'dry' }))
    const { code, printed } = await run('build', at('dry.json'), '--dry-run')
    expect(code).toBe(0)
    expect(printed).toContain('rows 110')
    expect(printed).toMatch(/time about .* work folder about .* results about/)
    expect([existsSync(at('dry')), existsSync(at('dry.work'))]).toEqual([false, false])
  })

  it('names file and key of what it does not know', async () => {
    const faulty = {
      ...config,
      outt: 1,
      cpt: [{ source: 'file', path: 'x', limitt: 3 }],
      steps: [{ step: 'dedup.minhash', threshold: 2 }, { step: 'dedup.magic' }],
    }
    writeFileSync(at('faulty.json'), JSON.stringify(faulty))
    const { code, told } = await run('build', at('faulty.json'))
    expect(code).toBe(1)
    for (const part of [
      at('faulty.json'),
      'outt: unknown key',
      'cpt[0].limitt: unknown key',
      'steps[0].threshold',
      'steps[1]',
    ])
      expect(told).toContain(part)
    writeFileSync(at('no.json'), '{')
    expect((await run('build', at('no.json'))).told).toContain('expected a config file in JSON')
    expect((await run('build', at('absent.json'))).told).toContain('Check the path')
  })

  it('explains a wrong shard, number or command', async () => {
    expect((await run('run', at('chimed.json'), '--shard', '3/3')).told).toContain('Shards count from 0')
    expect((await run('run', at('chimed.json'))).told).toContain('--shard')
    expect((await run('build', at('chimed.json'), '--buckets', 'many')).told).toContain("got 'many'")
    const { code, told } = await run('bild')
    expect([code, told.includes('bild')]).toEqual([1, true])
    expect((await run('merge', at('shards.json'))).told).toContain('Run the shards to their end')
  })
})

describe('chimed on files', () => {
  it('counts', async () => {
    const { code, printed } = await run('stats', at('raw/cpt.jsonl'), '--tokenizer', `module:${at('tokenizer.mjs')}`)
    expect(code).toBe(0)
    expect(printed).toMatch(/cpt +invented +train +50/)
    expect(printed).toContain('cpt, tokens')
  })

  it('deduplicates, decontaminates, packs, and shows the shard', async () => {
    const dedup = await run('dedup', at('raw/cpt.jsonl'), '--out', at('deduped'), '--minhash', '0')
    expect(dedup.printed).toMatch(/dedup.exact +50 +\d+ +duplicate \d+/)
    const clean = await run(
      'decontaminate',
      at('deduped/cpt.jsonl'),
      '--out',
      at('clean'),
      '--against',
      `cmexam:${at('raw/test.csv')}`,
    )
    expect(clean.printed).toContain('leak 1')
    const tokenizer = `module:${at('tokenizer.mjs')}`
    const packed = await run(
      'pack',
      at('clean/cpt.jsonl'),
      '--out',
      at('packed'),
      '--tokenizer',
      tokenizer,
      '--max-length',
      '24',
      '--manifest',
      at('clean/splits.json'),
    )
    expect([packed.code, packed.told]).toEqual([0, expect.any(String)])
    const { printed } = await run('inspect', at('packed/tokens/train-cpt-00000.tokens'), '--rows', '1')
    expect(printed).toMatch(/token shard: token rows, \d+ of them, \d+ tokens, uint16\n0: ids \[24\]/)
  })

  it('refuses to pack a test row', async () => {
    writeFileSync(at('leak.jsonl'), `${JSON.stringify({ text: `${question}？A 蓝叶草\nB 白石散` })}\n`)
    writeFileSync(at('manifest-source.jsonl'), `${JSON.stringify({ text: '一段没有问题的虚构文字，足够长' })}\n`)
    await run(
      'decontaminate',
      at('manifest-source.jsonl'),
      '--out',
      at('manifest'),
      '--against',
      `cmexam:${at('raw/test.csv')}`,
    )
    const manifest = JSON.parse(readFileSync(at('manifest/splits.json'), 'utf8')) as {
      fingerprints: { test: string[] }
    }
    expect(manifest.fingerprints.test).toHaveLength(1)
    const options = ['--out', at('refused'), '--tokenizer', `module:${at('tokenizer.mjs')}`, '--max-length', '24']
    const leak = JSON.parse(readFileSync(at('leak.jsonl'), 'utf8')) as { text: string }
    writeFileSync(at('leak.jsonl'), `${JSON.stringify({ text: leak.text.replaceAll(/[AB] /g, '') })}\n`)
    const { code, told } = await run('pack', at('leak.jsonl'), ...options, '--manifest', at('manifest/splits.json'))
    expect([code, told.includes('expected no record of a test split')]).toEqual([1, true])
    expect(existsSync(at('refused/tokens'))).toBe(false)
  })

  it('converts to every layout', async () => {
    for (const [layout, file] of [
      ['trl', 'sft.jsonl'],
      ['qilin', 'sft.jsonl'],
      ['parquet', 'data/train-00000-of-00001.parquet'],
      ['data-juicer', 'process.yaml'],
      ['datatrove', 'minhash.py'],
    ] as const) {
      writeFileSync(at('one.jsonl'), `${JSON.stringify({ instruction: '问', input: '', output: '答' })}\n`)
      const { code, told } = await run('convert', at('one.jsonl'), '--to', layout, '--out', at(`as-${layout}`))
      expect([layout, code, told]).toEqual([layout, 0, told])
      expect(existsSync(at(`as-${layout}/${file}`)), layout).toBe(true)
    }
    const juicer = JSON.parse(readFileSync(at('as-data-juicer/data/00000.jsonl'), 'utf8')) as object
    expect(juicer).toMatchObject({ query: '问', response: '答', history: [], text: '问\n答' })
    const trove = JSON.parse(readFileSync(at('as-datatrove/data/00000.jsonl'), 'utf8')) as object
    expect(trove).toMatchObject({
      text: '问\n答',
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      metadata: { source: 'one.jsonl' },
    })
    expect((await run('convert', at('one.jsonl'), '--to', 'word', '--out', at('x'))).told).toContain("got 'word'")
  })

  it('inspects text files and says what is missing', async () => {
    const { printed } = await run('inspect', at('raw/test.csv'))
    expect(printed).toContain('csv, utf-8')
    expect(printed).toContain('灰斑症')
    expect((await run('inspect', at('absent.csv'))).code).toBe(1)
    writeFileSync(at('strange.jsonl'), '{"a":1}\n')
    expect((await run('stats', at('strange.jsonl'))).told).toContain('Name the corpus with --corpus')
  })
})
