import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { mix32 } from '../dedup/minhash-js'
import { encodeGb18030 } from '../encoding/gb18030'
import { ChimedError } from '../errors'
import { faultLog } from '../faults'
import { readCsv } from './csv'
import { readJson } from './json'
import { readJsonl } from './jsonl'
import { readText } from './open'
import { formatOf } from './rows'
import { readLines, readParagraphs, textLoaderRows } from './text'

const folder = mkdtempSync(join(tmpdir(), 'chimed-read-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const row of rows) list.push(row)
  return list
}

describe('readJsonl', () => {
  it('gives values with their lines and reports what is no JSON', async () => {
    const log = faultLog()
    const rows = await all(readJsonl(file('a.jsonl', '{"a":1}\n\n{"a":\n{"a":2}'), { onFault: log.add, label: 'a' }))
    expect(rows).toEqual([
      { value: { a: 1 }, file: 'a', line: 1 },
      { value: { a: 2 }, file: 'a', line: 4 },
    ])
    expect(log.examples()).toMatchObject([{ code: 'json', line: 3 }])
  })

  it('stops at the first broken row when nobody listens', async () => {
    await expect(all(readJsonl(file('b.jsonl', '{"a":1}\nnope\n')))).rejects.toMatchObject({ code: 'row', line: 2 })
  })

  it('reads gzip, byte order marks and GB18030', async () => {
    const text = '{"病名":"虚构症","d":"甲乙丙丁"}\n'
    for (const [name, bytes] of [
      ['gz.jsonl', gzipSync(text)],
      ['bom.jsonl', Buffer.from(`\ufeff${text}`)],
      ['gb.jsonl', encodeGb18030(text)],
      ['utf16.jsonl', Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(text, 'utf16le')])],
    ] as const) {
      expect(
        (await all(readJsonl(file(name, bytes)))).map(({ value }) => value),
        name,
      ).toEqual([{ 病名: '虚构症', d: '甲乙丙丁' }])
    }
  })

  it('names lines with malformed bytes, and keeps a U+FFFD of the source', async () => {
    const log = faultLog()
    const bytes = Buffer.concat([
      Buffer.from('{"a":"\ufffd"}\n{"a":"'),
      Buffer.of(0xe5, 0x28),
      Buffer.from('"}\n{"a":"c"}\n'),
    ])
    const rows = await all(readJsonl(file('bad.jsonl', bytes), { onFault: log.add, encoding: 'utf-8' }))
    expect(rows.map(({ value }) => value)).toEqual([{ a: '\ufffd' }, { a: 'c' }])
    expect(log.counts()).toEqual({ encoding: 1 })
  })

  it('takes a UTF-8 file with a broken character for what it is', async () => {
    const lines = ['{"a":"头痛三天"}', '{"a":"发热一天"}', '{"a":"咳嗽两天"}'].map((line) => Buffer.from(`${line}\n`))
    const broken = Buffer.concat([
      lines[0]!,
      lines[1]!.subarray(0, 6),
      Buffer.from([0xb8, 0xdf]),
      lines[1]!.subarray(6),
      lines[2]!,
    ])
    const log = faultLog()
    const rows = await all(readJsonl(file('broken.jsonl', broken), { onFault: log.add }))
    expect(rows.map(({ value }) => value)).toEqual([{ a: '头痛三天' }, { a: '咳嗽两天' }])
    expect(log.examples()).toMatchObject([{ code: 'encoding', line: 2 }])
  })

  it('leaves out a line beyond the limit without holding it', async () => {
    const log = faultLog()
    const long = `{"a":"${'x'.repeat(5_000_000)}"}`
    const rows = await all(
      readJsonl(file('long.jsonl', `{"a":1}\n${long}\n{"a":2}\n`), { onFault: log.add, maxRowBytes: 1_000_000 }),
    )
    expect(rows.map(({ value, line }) => [value, line])).toEqual([
      [{ a: 1 }, 1],
      [{ a: 2 }, 3],
    ])
    expect(log.counts()).toEqual({ 'row-too-long': 1 })
  })
})

describe('readJson', () => {
  it('streams the elements of an array with their lines', async () => {
    const rows = await all(readJson(file('a.json', '[\n {"a": [1, "]"]},\n {"a": "\\"}"},\n 3, "x"\n]')))
    expect(rows.map(({ value, line }) => [value, line])).toEqual([
      [{ a: [1, ']'] }, 2],
      [{ a: '"}' }, 3],
      [3, 4],
      ['x', 4],
    ])
  })

  it('reads objects one a line, one after another, and grouped by key', async () => {
    expect((await all(readJson(file('lines.json', '{"a":1}\n{"a":2}\n')))).map(({ value }) => value)).toEqual([
      { a: 1 },
      { a: 2 },
    ])
    expect((await all(readJson(file('next.json', '{\n"a":1}\n{\n"a":2}')))).map(({ value }) => value)).toEqual([
      { a: 1 },
      { a: 2 },
    ])
    const grouped = await all(readJson(file('grouped.json', '{"甲":[{"a":1}],"乙":[{"a":2},{"a":3}]}')))
    expect(grouped.map(({ group, value }) => [group, value])).toEqual([
      ['甲', { a: 1 }],
      ['乙', { a: 2 }],
      ['乙', { a: 3 }],
    ])
  })

  it('gives the same values whatever the size of the chunks', async () => {
    const values = Array.from({ length: 3000 }, (_, i) => ({
      i,
      text: `第${i}行“引号”\\ "内" \n`.repeat(1 + (i % 40)),
    }))
    expect((await all(readJson(file('large.json', JSON.stringify(values))))).map(({ value }) => value)).toEqual(values)
  })

  it('says where a file ends too early', async () => {
    await expect(all(readJson(file('cut.json', '[{"a":1},\n{"a":')))).rejects.toMatchObject({
      code: 'file-truncated',
      line: 2,
    })
  })
})

describe('readCsv', () => {
  it('reads quoted cells with separators, quotes and line breaks, and the line a row begins at', async () => {
    const rows = await all(readCsv(file('a.csv', '\ufeffname,text\r\n甲,"a,""b""\nc"\r\n乙,d\r\n')))
    expect(rows.map(({ value, line }) => [value, line])).toEqual([
      [{ name: '甲', text: 'a,"b"\nc' }, 2],
      [{ name: '乙', text: 'd' }, 4],
    ])
  })

  it('reports repeated headers, wrong cell counts, NUL bytes and unclosed quotes, and goes on', async () => {
    const log = faultLog()
    const rows = await all(
      readCsv(file('b.csv', 'a,b,\n1,2,\na,b,\n1\n1,\0,\n3,4,5\n5,6,,,\n"7,8,\n9,10,\n'), { onFault: log.add }),
    )
    expect(rows.map(({ value }) => value)).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
      { a: '5', b: '6' },
      { a: '9', b: '10' },
    ])
    expect(log.counts()).toEqual({ 'repeated-header': 1, 'column-count': 1, 'nul-byte': 1, 'unclosed-quote': 1 })
  })

  it('numbers columns that occur twice and names columns that are missing', async () => {
    const log = faultLog()
    expect((await all(readCsv(file('c.csv', 'a,a\n1,2\n'), { onFault: log.add })))[0]!.value).toEqual({
      a: '1',
      a_2: '2',
    })
    expect(log.counts()).toEqual({ 'duplicate-column': 1 })
    await expect(
      all(readCsv(file('d.csv', 'a,b\n1,2\n'), { required: ['Question'], label: 'd.csv' })),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: readCsv: expected the columns Question, got a, b in d.csv; missing Question. Check the file or its encoding.]`,
    )
  })

  it('reads GB18030 and gives the same rows for any chunking', async () => {
    const records = Array.from({ length: 4000 }, (_, i) => ({
      department: `科室${i}`,
      ask: `问"${i}"，\n换行${'字'.repeat(mix32(i) % 200)}`,
    }))
    const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`
    const text = ['department,ask', ...records.map(({ department, ask }) => `${department},${quoted(ask)}`)].join(
      '\r\n',
    )
    expect((await all(readCsv(file('gb.csv', encodeGb18030(text))))).map(({ value }) => value)).toEqual(records)
  })
})

describe('text', () => {
  it('ends lines as Python does', async () => {
    const lines = await all(readLines(file('a.txt', '甲\r\n乙\r丙\n\n丁')))
    expect(lines.map(({ value, line }) => [value, line])).toEqual([
      ['甲', 1],
      ['乙', 2],
      ['丙', 3],
      ['', 4],
      ['丁', 5],
    ])
    expect(textLoaderRows('甲\r\n乙\r丙\n')).toEqual(['甲\n', '乙\n', '丙\n'])
  })

  it('gives paragraphs with their first line', async () => {
    expect(
      (await all(readParagraphs(file('p.txt', '\n一\n二\n\n\n三\n')))).map(({ value, line }) => [value, line]),
    ).toEqual([
      ['一\n二', 2],
      ['三', 6],
    ])
  })
})

describe('files', () => {
  it('are known by their names', () => {
    expect(['a.jsonl.gz', 'b.JSON', 'c.csv.zst', 'd.parquet', 'e.txt'].map(formatOf)).toEqual([
      'jsonl',
      'json',
      'csv',
      'parquet',
      'text',
    ])
    expect(() => formatOf('x.bin')).toThrow(ChimedError)
  })

  it('that are missing, empty or damaged stop with one sentence', async () => {
    await expect(readText(join(folder, 'none.txt'))).rejects.toMatchObject({ code: 'file-missing' })
    await expect(readText(file('empty.txt', ''))).rejects.toMatchObject({ code: 'file-empty' })
    await expect(readText(file('cut.txt.gz', gzipSync('甲'.repeat(10000)).subarray(0, 40)))).rejects.toMatchObject({
      code: 'file-truncated',
    })
  })
})
