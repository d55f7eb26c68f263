import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { build } from '../build'
import { openTokenShard } from '../read/token-shard'
import * as sources from '../sources'
import { splitManifest, testGuard } from '../split'
import * as tests from '../tests'
import { ignoreIndex, type Tokenizer } from '../types'
import { type ShardRow, tokenShardWriter } from '../write/token-shard'
import { tokenRows } from './read'

const folder = mkdtempSync(join(tmpdir(), 'chimed-tokens-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function written(rows: readonly ShardRow[], kind: 'token' | 'preference', vocabularySize?: number): string {
  const writer = tokenShardWriter({ kind, vocabularySize })
  for (const row of rows) writer.add(row)
  const path = join(folder, 'shard.tokens')
  writeFileSync(path, Buffer.concat(writer.bytes()))
  return path
}

function readAll(path: string): ShardRow[] {
  const shard = openTokenShard(path)
  const rows = Array.from({ length: shard.length }, (_, index) => shard.at(index)!)
  expect(shard.at(shard.length)).toBeUndefined()
  shard.close()
  return rows
}

const ids = (max: number, most = 40) =>
  fc.array(fc.integer({ min: 0, max }), { maxLength: most }).map((list) => Int32Array.from(list))

describe('token shards', () => {
  it('give back the rows that were written, whatever their labels, samples and widths', () => {
    const token = fc.tuple(fc.integer({ min: 0, max: 65535 }), fc.boolean())
    const row = fc.tuple(fc.array(token, { maxLength: 40 }), fc.boolean()).map(([tokens, packed]): ShardRow => {
      const inputIds = Int32Array.from(tokens, ([id]) => id)
      const labels = Int32Array.from(tokens, ([id, counts]) => (counts ? id : ignoreIndex))
      const half = inputIds.length >> 1
      return packed && half > 0
        ? { inputIds, labels, seqLengths: [half, inputIds.length - half] }
        : { inputIds, labels }
    })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), fc.constantFrom(65536, undefined), (rows, vocabularySize) => {
        expect(readAll(written(rows, 'token', vocabularySize))).toEqual(rows)
      }),
      { numRuns: 60 },
    )
  })

  it('give back preference rows', () => {
    const row = fc.record({ promptIds: ids(200_000), chosenIds: ids(200_000), rejectedIds: ids(200_000) })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), (rows) => {
        expect(readAll(written(rows, 'preference', 200_001))).toEqual(rows)
      }),
      { numRuns: 40 },
    )
  })

  it('hold ids of small vocabularies in two bytes, one behind the other, behind a header that any language reads', () => {
    const row = { inputIds: Int32Array.of(7, 300, 65535), labels: Int32Array.of(7, 300, 65535) }
    const bytes = readFileSync(written([row], 'token', 65536))
    expect(bytes.toString('latin1', 0, 8)).toBe('CHIMEDTK')
    const start = 16 + bytes.readUInt32LE(8)
    const { sections } = JSON.parse(bytes.toString('utf8', 16, start)) as { sections: { ids: { offset: number } } }
    expect([...new Uint16Array(bytes.buffer.slice(bytes.byteOffset), start + sections.ids.offset, 3)]).toEqual([
      7, 300, 65535,
    ])
  })

  it('refuse ids that do not fit, strange labels and rows of the other kind', () => {
    const add = (row: ShardRow) => () => tokenShardWriter({ kind: 'token', vocabularySize: 65536 }).add(row)
    expect(add({ inputIds: Int32Array.of(65536), labels: Int32Array.of(65536) })).toThrow(
      'ids from 0 to 65535, got 65536',
    )
    expect(add({ inputIds: Int32Array.of(5), labels: Int32Array.of(6) })).toThrow('got 6 for 5')
    const none = new Int32Array(0)
    expect(add({ promptIds: none, chosenIds: none, rejectedIds: none })).toThrow(
      'token rows, got one of the other kind',
    )
  })

  it('name what is wrong with a file', () => {
    const path = written([{ inputIds: Int32Array.of(1, 2, 3), labels: Int32Array.of(1, 2, ignoreIndex) }], 'token')
    for (const length of [0, 7, 15, 40, readFileSync(path).length - 16]) {
      truncateSync(path, length)
      expect(() => openTokenShard(path)).toThrow(expect.objectContaining({ code: 'file-truncated' }))
      written([{ inputIds: Int32Array.of(1, 2, 3), labels: Int32Array.of(1, 2, ignoreIndex) }], 'token')
    }
    writeFileSync(path, '{"text":"no shard but long enough"}\n')
    expect(() => openTokenShard(path)).toThrow(expect.objectContaining({ code: 'file-format' }))
    expect(() => openTokenShard(join(folder, 'absent'))).toThrow(expect.objectContaining({ code: 'file-missing' }))
  })
})

const characters: Tokenizer = {
  encode: (text, { addSpecialTokens = true } = {}) => [
    ...Array.from(text, (c) => c.codePointAt(0)!),
    ...(addSpecialTokens ? [1] : []),
  ],
  decode: (list) => String.fromCodePoint(...Array.from(list)),
  eosId: 1,
  vocabularySize: 65536,
}

describe('tokenRows', () => {
  it('reads rows across shards in any order, and refuses shards without their split manifest', async () => {
    const raw = join(folder, 'raw.txt')
    writeFileSync(raw, Array.from({ length: 40 }, (_, i) => `第${i}段虚构的文字，说的是甲乙丙丁`).join('\n'))
    const out = join(folder, 'out')
    const { tokens } = await build({
      out,
      cpt: [sources.medqaTextbooks(raw, { gather: 0 })],
      tokenizer: characters,
      tokens: { cpt: { blockSize: 32 }, shardTokens: 100 },
      split: { validation: 0.2 },
    })
    const rows = tokenRows(join(out, 'tokens'), { corpus: 'cpt' })
    expect(rows.length).toBe(tokens!.find(({ split }) => split === 'train')!.rows)
    const all = Array.from({ length: rows.length }, (_, i) => [...rows.at(rows.length - 1 - i)!.inputIds]).reverse()
    const text = all
      .flat()
      .map((id) => (id === 1 ? '\n' : String.fromCodePoint(id)))
      .join('')
    expect(text).toBe(
      `${readFileSync(join(out, 'cpt.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { text: string }).text)
        .join('\n')}\n`,
    )
    expect([rows.split, rows.at(-1), rows.at(rows.length)]).toEqual(['train', undefined, undefined])
    const validation = tokenRows(join(out, 'tokens'), { corpus: 'cpt', split: 'validation' })
    expect(validation.length).toBeGreaterThan(0)
    expect(validation.fingerprint).not.toBe(rows.fingerprint)
    rows.close()
    validation.close()
    writeFileSync(join(out, 'splits.json'), '{}')
    expect(() => tokenRows(join(out, 'tokens'), { corpus: 'cpt' })).toThrow(expect.objectContaining({ code: 'split' }))
  })
})

describe('testGuard', () => {
  it('refuses a record that is, or holds as a part, a text of a test split', async () => {
    const set = tests.items([{ question: '虚构症怎么治？', context: '' }], { name: 'x' })
    const guard = testGuard('train', await splitManifest({ tests: [set] }))
    expect(() => guard({ text: '别的文字' })).not.toThrow()
    expect(() => guard({ text: '虚构症 怎么治' })).toThrow(expect.objectContaining({ code: 'split' }))
    expect(() =>
      guard({
        messages: [
          { role: 'user', content: '虚构症怎么治？' },
          { role: 'assistant', content: '多喝水' },
        ],
      }),
    ).toThrow('expected no record of a test split')
    expect(() => guard({ text: '甲', origin: { source: 's', file: 'test.csv', line: 3, split: 'test' } })).toThrow(
      'test.csv:3',
    )
  })
})
