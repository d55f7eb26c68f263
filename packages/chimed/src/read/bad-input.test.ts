import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { build } from '../build'
import { quality } from '../clean/quality'
import { mix32 } from '../dedup/minhash-js'
import { encodeGb18030 } from '../encoding/gb18030'
import { isChimedError } from '../errors'
import { faultLog } from '../faults'
import * as sources from '../sources'
import { rowStep } from '../step'
import type { Row } from '../types'
import { writeMessagesJsonl } from '../write/corpora'
import { detectEncoding } from './encoding'
import { readRows } from './rows'

const folder = mkdtempSync(join(tmpdir(), 'chimed-bad-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

interface Outcome {
  readonly rows: Row[]
  readonly counts: Record<string, number>
  readonly places: string[]
  readonly error: unknown
}

/** Everything that becomes of a file: its rows, its faults by code and by place, and what stopped it. */
async function outcome(path: string, options = {}): Promise<Outcome> {
  const log = faultLog()
  const rows: Row[] = []
  let error: unknown
  try {
    for await (const row of readRows(path, { onFault: log.add, label: 'f', ...options })) rows.push(row)
  } catch (caught) {
    error = caught
  }
  return {
    rows,
    counts: log.counts(),
    places: log.examples().map(({ code, file: name, line }) => `${name}:${line} ${code}`),
    error,
  }
}

const values = [
  { 名称: '甲', 说明: '一,\n"二"' },
  { 名称: '乙', 说明: '三四五' },
  { 名称: '丙', 说明: '六' },
]
const jsonl = values.map((value) => `${JSON.stringify(value)}\n`).join('')
const csv = '名称,说明\r\n甲,"一,\n""二"""\r\n乙,三四五\r\n丙,六\r\n'
/** `{"a":"甲"}` on fifty lines, as `zstd -19` packs it (zstd 1.5). */
const zst = Buffer.from('KLUv/WRYAZ0AAGB7ImEiOiLnlLIifQoBAElelSS7qGTy', 'base64')

const formats: Record<string, Uint8Array> = {
  'x.jsonl': Buffer.from(jsonl),
  'x.json': Buffer.from(JSON.stringify(values, undefined, 1)),
  'grouped.json': Buffer.from(JSON.stringify({ 甲组: values, 乙组: values })),
  'x.csv': encodeGb18030(csv),
  'bom.csv': Buffer.from(`\ufeff${csv}`),
  'x.tsv': Buffer.from(csv.replace(/,(?!\n)/g, '\t')),
  'x.txt': Buffer.from('第一行\r\n第二行\n第三行\n'),
  'utf16.txt': Buffer.from('第1行\n第2行\n', 'utf16le'),
  'x.jsonl.gz': gzipSync(jsonl.repeat(3)),
  'x.jsonl.zst': zst,
  'x.parquet': new Uint8Array(
    parquetWriteBuffer({
      columnData: Object.keys(values[0]!).map((name) => ({
        name,
        data: values.map((value) => value[name as '名称']),
        type: 'STRING' as const,
      })),
    }),
  ),
}

beforeAll(async () => {
  const { default: excel } = await import('exceljs')
  const book = new excel.Workbook()
  book.addWorksheet('一').addRows([Object.keys(values[0]!), ...values.map((value) => Object.values(value))])
  formats['x.xlsx'] = new Uint8Array(await book.xlsx.writeBuffer())
})

describe('a file that is cut off', () => {
  it('gives the rows before the cut, faults or one sentence, and never another error: 200 places in every format', async () => {
    for (const [name, bytes] of Object.entries(formats)) {
      const whole = await outcome(file(`whole-${name}`, bytes))
      expect([whole.error, whole.counts], name).toEqual([undefined, {}])
      expect(whole.rows.length, name).toBeGreaterThan(1)
      const cuts = new Set(Array.from({ length: 200 }, (_, round) => 1 + (mix32(round) % (bytes.length - 1))))
      for (const cut of cuts) {
        const { rows, error } = await outcome(file(`cut-${name}`, bytes.subarray(0, cut)))
        if (error !== undefined) expect(isChimedError(error), `${name} at ${cut}: ${error}`).toBe(true)
        // the last row may be a part of one: a text or CSV row has no end of its own
        const certain = rows.slice(0, -1).map(({ value }) => value)
        expect(certain, `${name} at ${cut}`).toEqual(whole.rows.slice(0, certain.length).map(({ value }) => value))
      }
    }
  }, 60_000)

  it('is whole or an error where the format has an end: nothing of a packed file is taken for all of it', async () => {
    for (const name of ['x.jsonl.gz', 'x.jsonl.zst', 'x.parquet', 'x.xlsx', 'x.json']) {
      const bytes = formats[name]!
      const { error } = await outcome(file(`last-${name}`, bytes.subarray(0, bytes.length - 1)))
      expect(error, name).toMatchObject({ name: 'ChimedError', code: 'file-truncated' })
    }
  })
})

describe('encodings', () => {
  const lines = Array.from({ length: 40 }, (_, i) => `{"id":${i},"病":"虚构症第${i}型"}`).join('\n')

  it('are found without a mark, also UTF-16, and where the first megabyte is ASCII', async () => {
    const big = Buffer.from(lines, 'utf16le').swap16()
    for (const [name, bytes] of [
      ['le.jsonl', Buffer.from(lines, 'utf16le')],
      ['be.jsonl', big],
      ['gb.jsonl', encodeGb18030(lines)],
    ] as const) {
      const { rows, counts } = await outcome(file(name, bytes))
      expect([rows.length, counts], name).toEqual([40, {}])
      expect(rows[7]!.value, name).toEqual({ id: 7, 病: '虚构症第7型' })
    }
    const ascii = `{"id":"${'x'.repeat(4000)}"}\n`.repeat(300)
    for (const name of ['late.jsonl', 'late.txt']) {
      const { rows, counts } = await outcome(file(name, Buffer.concat([Buffer.from(ascii), encodeGb18030(lines)])))
      expect([rows.length, counts], name).toEqual([340, {}])
      expect(JSON.stringify(rows.at(-1)!.value)).toContain('虚构症第39型')
    }
    expect(detectEncoding(Buffer.from('{"a":"\0"}\n{"b":"\0"}'))).toEqual({ encoding: 'utf-8', bomBytes: 0 })
  })

  it('that are wrong give faults by line, and the good lines around them', async () => {
    const mixed = Buffer.concat([
      Buffer.from('{"a":"甲"}\n'),
      encodeGb18030('{"a":"乙丙丁"}\n'),
      Buffer.from('{"a":"戊"}\n'.repeat(9)),
    ])
    for (const name of ['mixed.jsonl', 'mixed.txt']) {
      const { rows, places } = await outcome(file(name, mixed), { encoding: 'utf-8' })
      expect([rows.length, places], name).toEqual([10, ['f:2 encoding']])
    }
    const { counts, rows } = await outcome(file('asgb.csv', Buffer.from('a,b\n甲,乙\n丙,丁戊\n')), {
      encoding: 'gb18030',
    })
    expect(rows.length + Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(2)
  })
})

describe('rows at fault', () => {
  it('with NUL bytes are counted by place in every text format', async () => {
    for (const [name, text] of [
      ['n.jsonl', '{"a":"1"}\n{"a":"\0"}\n{"a":"3"}\n'],
      ['n.json', '[\n{"a":"1"},\n{"a":"\0"},\n{"a":"3"}\n]'],
      ['n.csv', 'a,b\n\0,2\n3,4\n'],
      ['n.txt', '一\n\0\n三\n'],
    ] as const) {
      const { rows, places, error } = await outcome(file(name, text))
      expect(error, name).toBeUndefined()
      expect(places, name).toHaveLength(1)
      expect(places[0], name).toMatch(name === 'n.json' ? /^f:3 / : /^f:2 /)
      expect(rows.length, name).toBe(name === 'n.csv' ? 1 : 2)
    }
  })

  it('of 50 MB are left out without being held, and the rows behind them are read', async () => {
    const long = Buffer.alloc(50_000_000, 'x')
    const parts: Record<string, [Buffer, Buffer]> = {
      'l.jsonl': [Buffer.from('{"a":1}\n{"a":"'), Buffer.from('"}\n{"a":2}\n')],
      'l.json': [Buffer.from('[{"a":1},\n{"a":"'), Buffer.from('"},\n{"a":2}]')],
      'l.csv': [Buffer.from('a\n1\n'), Buffer.from('\n2\n')],
      'l.txt': [Buffer.from('一\n'), Buffer.from('\n二\n')],
    }
    for (const [name, [before, after]] of Object.entries(parts)) {
      const path = file(name, Buffer.concat([before, long, after]))
      const { rows, counts, error } = await outcome(path, { maxRowBytes: 4_000_000 })
      expect([rows.length, counts, error], name).toEqual([2, { 'row-too-long': 1 }, undefined])
      rmSync(path)
    }
  })

  it('are told with the file, the line and the beginning of the row, three examples of each kind', async () => {
    const log = faultLog()
    const path = file('roles.jsonl', `{"conversations":[{"from":"alien","value":"?"}]}\n`.repeat(9))
    for await (const _ of sources.conversations(path).read({ onFault: log.add }));
    expect(log.counts()).toEqual({ 'unknown-role': 9 })
    expect(log.examples()).toHaveLength(3)
    expect(log.examples()[1]).toEqual({
      code: 'unknown-role',
      reason: 'role "alien"',
      file: 'roles.jsonl',
      line: 2,
      excerpt: '{"conversations":[{"from":"alien","value":"?"}]}',
    })
  })

  it('have the shape of no record: numbers, lists, null, text', async () => {
    const path = file(
      'shapes.jsonl',
      '1\n[]\nnull\n"a"\n{}\n{"instruction":{"a":1},"output":[[]]}\n{"messages":[null,3]}\n{"conversations":"x"}\n',
    )
    const log = faultLog()
    for (const source of [
      sources.conversations(path, { where: (row) => row.class !== 'x' }),
      sources.cmexam(path),
      sources.huatuoKnowledge(path),
      sources.xywyKg(path),
      sources.zhongjingRlhf(path),
      sources.cmd(path),
      sources.hc3Chinese(path),
      sources.cpubmedKg(path),
    ] as const) {
      for await (const _ of source.read({ onFault: log.add })) expect.unreachable(source.name)
    }
    expect(log.total()).toBe(64)
  })
})

describe('tables', () => {
  it('number columns that occur twice and name columns that are missing, whatever the format', async () => {
    const { default: excel } = await import('exceljs')
    const book = new excel.Workbook()
    book.addWorksheet('一').addRows([
      ['', 'a', 'a'],
      [0, 1, 2],
    ])
    const xlsx = new Uint8Array(await book.xlsx.writeBuffer())
    for (const [name, bytes] of [
      ['two.csv', Buffer.from('a,a\n1,2\n')],
      ['two.xlsx', xlsx],
    ] as const) {
      const found = await outcome(file(name, bytes))
      expect([found.rows.map(({ value }) => value), found.places], name).toEqual([
        [{ a: '1', a_2: '2' }],
        ['f:1 duplicate-column'],
      ])
    }
    for (const name of ['two.csv', 'two.xlsx', 'whole-x.parquet'])
      expect((await outcome(join(folder, name), { required: ['Question'] })).error, name).toMatchObject({
        code: 'column-missing',
      })
  })
})

describe('files that are no files', () => {
  it('stop with one sentence: missing, empty, a folder, another format', async () => {
    mkdirSync(join(folder, 'folder.jsonl'))
    for (const extension of ['jsonl', 'json', 'csv', 'tsv', 'txt', 'parquet', 'xlsx', 'jsonl.gz', 'csv.zst']) {
      const { error } = await outcome(join(folder, `none.${extension}`))
      expect(error, extension).toMatchObject({ code: 'file-missing' })
      expect((await outcome(file(`empty.${extension}`, ''))).error, extension).toMatchObject({ code: 'file-empty' })
    }
    expect((await outcome(join(folder, 'folder.jsonl'))).error).toMatchObject({ code: 'file-missing' })
    for (const name of ['p.parquet', 'p.xlsx']) {
      const { error } = await outcome(file(name, 'name,text\n甲,乙\n'))
      expect(error, name).toMatchObject({ code: 'file-truncated' })
      expect((error as Error).message, name).toMatch(/^read\w+: expected .+, got .+\. .+\.$/)
    }
    expect((await outcome(file('p.json', 'name,text\n'))).error).toMatchObject({ code: 'file-format' })
  })
})

describe('output', () => {
  it('is complete or absent: a step that fails, a source that breaks off, a place that cannot be written', async () => {
    const good = file('good.jsonl', '{"instruction":"甲？","output":"乙。"}\n'.repeat(3))
    const broken = file('broken.jsonl.gz', gzipSync(jsonl.repeat(50)).subarray(0, 60))
    const failing = rowStep('failing', () => {
      throw new Error('a step of somebody else')
    })
    const out = join(folder, 'out')
    const builds = [
      { sft: [sources.conversations(good)], steps: [failing] },
      { sft: [sources.conversations(good), sources.conversations(broken)] },
    ]
    for (const options of builds) {
      await expect(build({ ...options, out, dropped: true })).rejects.toThrow()
      const left = existsSync(out)
        ? readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
        : []
      expect(left.map(({ name }) => name)).toEqual([])
    }
    const taken = join(folder, 'taken')
    mkdirSync(join(taken, 'sft.jsonl', 'x'), { recursive: true })
    const mixed = file(
      'mixed-lengths.jsonl',
      `{"instruction":"甲？","output":"${String.fromCharCode(...Array.from({ length: 200 }, (_, i) => 0x4e00 + i))}"}\n{"instruction":"甲？","output":"乙。"}\n`,
    )
    for (const path of [good, mixed]) {
      const unwritable = { sft: [sources.conversations(path)], steps: [quality({ minLength: 99 })], out: taken }
      const steps = path === good ? [] : unwritable.steps
      await expect(build({ ...unwritable, steps, dropped: true })).rejects.toMatchObject({ code: 'file-write' })
      const left = readdirSync(taken, { recursive: true }).map(String)
      expect(left.filter((name) => name.endsWith('.part') || name.endsWith('-quality.jsonl'))).toEqual([])
      expect(left).toContain('sft.jsonl')
    }
  })

  it('of a stream that breaks off leaves no file', async () => {
    const path = join(folder, 'stream.jsonl')
    const records = (async function* () {
      yield { messages: [{ role: 'user' as const, content: '甲' }] }
      throw new Error('the source broke off')
    })()
    await expect(writeMessagesJsonl(path, records)).rejects.toThrow('broke off')
    expect(readdirSync(folder).filter((name) => name.startsWith('stream'))).toEqual([])
  })
})
