import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readParquet } from '../read/parquet'
import type { ChimedRecord } from '../types'
import { writeParquetShards } from './parquet'

const folder = mkdtempSync(join(tmpdir(), 'chimed-parquet-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const rowsOf = async (path: string): Promise<unknown[]> => {
  const rows: unknown[] = []
  for await (const { value } of readParquet(path)) rows.push(value)
  return rows
}

const origin = { source: '虚构' }
const chat = (turns: number) =>
  Array.from({ length: 2 * turns }, (_, i) => ({
    role: i % 2 ? ('assistant' as const) : ('user' as const),
    content: `第${i}句`,
  }))

describe('writeParquetShards', () => {
  it('writes each corpus in the columns of TRL, and reads back', async () => {
    const out = join(folder, 'corpora')
    const corpora: Record<string, [ChimedRecord[], unknown[]]> = {
      cpt: [
        [{ text: '甲\n乙', origin }, { text: '' }],
        [
          { text: '甲\n乙', source: '虚构' },
          { text: '', source: '' },
        ],
      ],
      sft: [
        [
          { messages: chat(1), origin },
          { messages: chat(3), origin },
        ],
        [
          { messages: chat(1), source: '虚构' },
          { messages: chat(3), source: '虚构' },
        ],
      ],
      dpo: [
        [{ prompt: '问', chosen: '好', rejected: '坏', history: chat(1), origin }],
        [
          {
            prompt: [...chat(1), { role: 'user', content: '问' }],
            chosen: [{ role: 'assistant', content: '好' }],
            rejected: [{ role: 'assistant', content: '坏' }],
            source: '虚构',
          },
        ],
      ],
    }
    for (const [corpus, [records, rows]] of Object.entries(corpora)) {
      const told = await writeParquetShards(join(out, corpus), records)
      expect(told).toMatchObject({
        corpus,
        split: 'train',
        files: ['train-00000-of-00001.parquet'],
        rows: records.length,
      })
      expect(await rowsOf(join(out, corpus, told.files[0]!)), corpus).toEqual(rows)
    }
  })

  it('ends shards by their text, gives the same bytes twice, and replaces shards of an earlier call', async () => {
    const records = Array.from({ length: 2500 }, (_, i) => ({ text: `第${i}段虚构的文字`, origin }))
    const [one, two] = [join(folder, 'one'), join(folder, 'two')]
    const told = await writeParquetShards(one, records, { shardBytes: 20_000, groupRows: 300, split: 'validation' })
    expect(told.files).toEqual([
      'validation-00000-of-00004.parquet',
      'validation-00001-of-00004.parquet',
      'validation-00002-of-00004.parquet',
      'validation-00003-of-00004.parquet',
    ])
    const read = (await Promise.all(told.files.map((name) => rowsOf(join(one, name))))).flat()
    expect(read).toEqual(records.map(({ text }) => ({ text, source: '虚构' })))
    await writeParquetShards(two, records, { shardBytes: 20_000, groupRows: 300, split: 'validation' })
    for (const name of told.files)
      expect(readFileSync(join(two, name)).equals(readFileSync(join(one, name)))).toBe(true)
    await writeParquetShards(one, records.slice(0, 5), { split: 'validation' })
    expect(readdirSync(one)).toEqual(['validation-00000-of-00001.parquet'])
  })

  it('leaves nothing behind when the records break off, and refuses none or a mixture', async () => {
    const broken = (async function* () {
      yield { text: '甲' }
      throw new Error('the source broke off')
    })()
    const out = join(folder, 'broken')
    await expect(writeParquetShards(out, broken)).rejects.toThrow('broke off')
    expect(readdirSync(out)).toEqual([])
    await expect(writeParquetShards(out, [])).rejects.toMatchObject({ code: 'option' })
    await expect(writeParquetShards(out, [{ text: '甲' }, { messages: chat(1) }])).rejects.toMatchObject({
      code: 'option',
    })
    expect(readdirSync(out)).toEqual([])
  })
})
