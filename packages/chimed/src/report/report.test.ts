import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Built, buildCorpora } from '../build'
import { quality } from '../clean/quality'
import { normalise } from '../clean/steps'
import * as dedup from '../dedup'
import * as sources from '../sources'
import { writeParquetShards } from '../write/parquet'
import { dataCard } from './data-card'
import { dataReport, writeDataReport } from './data-report'

const folder = mkdtempSync(join(tmpdir(), 'chimed-report-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let built: Built
beforeAll(async () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({
    instruction: `虚构症第${i}型应该怎么办？`,
    output: `第${i}型应当多休息，按时复诊。`,
  }))
  const same = { instruction: '虚构症会<b>传染</b>吗？', output: '不会，它是虚构的。' }
  const path = join(folder, 'rows.jsonl')
  const lines = [
    ...rows,
    same,
    same,
    same,
    { instruction: 'English?', output: 'Yes, only.' },
    { instruction: '没有回答' },
  ]
  writeFileSync(path, lines.map((row) => JSON.stringify(row)).join('\n'))
  built = await buildCorpora({
    cpt: [sources.conversations(path, { name: 'A|B <i>' })],
    sft: [sources.conversations(path, { name: 'A|B <i>' })],
    steps: [normalise({ boilerplate: false }), quality(), dedup.exact()],
    split: { validation: 0.2, seed: 1 },
    tokenizer: { encode: (text) => Array.from(text, () => 1), decode: () => '' },
    out: join(folder, 'out'),
    dropped: true,
  })
})

/** What a browser would show as text. */
const visible = (html: string): string => html.replace(/<style>.*?<\/style>|<[^>]+>/gs, ' ').replace(/\s+/g, ' ')

describe('dataReport', () => {
  it('shows the tables, what each step took and why, examples and groups of duplicates', () => {
    const page = dataReport(built.report, { title: '虚构 & <数据>', notice: '只是测试', facts: [['seconds', '1.5']] })
    const text = visible(page)
    const { sources: rows, totals } = built.report
    for (const row of rows)
      expect(text).toContain(`${row.samples} ${row.tokens!.toLocaleString('en')} ${(row.bytes / 1e3).toFixed(1)}KB`)
    for (const row of totals) expect(text).toContain(`total, ${row.split} ${row.samples}`)
    for (const part of [
      '虚构 &amp; &lt;数据&gt;',
      '只是测试',
      '1.5 seconds',
      'not-chinese',
      'missing-answer',
      'duplicate',
      '3 records, sft dedup.exact',
      'sft: dedup.exact A|B &lt;i&gt; A|B &lt;i&gt; 2',
      'English?',
      'rows.jsonl:42',
    ])
      expect(text, part).toContain(part)
    expect(page.match(/<svg /g)).toHaveLength(2 * 4)
  })

  it('is one page without any reference to the outside, and text of the data is never markup', async () => {
    await writeDataReport(join(folder, 'report.html'), built.report)
    const page = readFileSync(join(folder, 'report.html'), 'utf8')
    expect(page).toMatch(/^<!doctype html>/)
    expect(page.match(/https?:|src=|href=|<script|@import|url\(/g)).toBeNull()
    expect(page).toContain('A|B &lt;i&gt;')
    expect(page).toContain('虚构症会&lt;b&gt;传染')
    expect(page.replace(/<(\/?)(\w+)[^>]*>/g, '<$1$2>').match(/<(?:i|b>传染)/)).toBeNull()
  })
})

describe('dataCard', () => {
  it('holds the front matter of the hub, and a licence or its absence for each source', async () => {
    const shards = []
    for (const [split, { cpt }] of [
      ['train', built.train],
      ['validation', built.validation],
    ] as const)
      shards.push({ ...(await writeParquetShards(join(folder, 'hub/cpt'), cpt, { split })), folder: 'cpt' })
    const card = dataCard(built.report, {
      title: '虚构数据',
      shards,
      licences: [{ source: 'A|B <i>', licence: 'CC0-1.0', url: 'https://example.invalid/a' }],
    })
    const [, front, body] = card.split(/^---$/m)
    expect(front).toBe(`
language:
- zh
license: other
pretty_name: "虚构数据"
task_categories:
- text-generation
- question-answering
tags:
- medical
- chinese
- qilin-med
size_categories:
- n<1K
configs:
- config_name: cpt
  data_files:
  - split: train
    path: cpt/train-*
  - split: validation
    path: cpt/validation-*
dataset_info:
- config_name: cpt
  features:
  - name: text
    dtype: string
  - name: source
    dtype: string
  splits:
  - name: train
    num_bytes: ${shards[0]!.textBytes}
    num_examples: ${built.train.cpt.length}
  - name: validation
    num_bytes: ${shards[1]!.textBytes}
    num_examples: ${built.validation.cpt.length}
  download_size: ${shards[0]!.fileBytes + shards[1]!.fileBytes}
  dataset_size: ${shards[0]!.textBytes + shards[1]!.textBytes}
`)
    expect(body).toContain('| [A\\|B <i>](https://example.invalid/a) |')
    expect(body).toContain('| CC0-1.0 |')
    expect(dataCard(built.report)).toContain('| none known |')
    expect(body).not.toContain('dpo: ')
    expect(body).toContain('| sft: quality | 44 | 43 | 1 not-chinese |')
  })
})

describe('side files', () => {
  it('hold every record that was left out, with its reason and place', () => {
    const names = readdirSync(join(folder, 'out/dropped')).sort()
    expect(names).toEqual([
      'cpt-dedup.exact.jsonl',
      'cpt-quality.jsonl',
      'cpt-read.jsonl',
      'sft-dedup.exact.jsonl',
      'sft-quality.jsonl',
      'sft-read.jsonl',
    ])
    const lines = (name: string) =>
      readFileSync(join(folder, 'out/dropped', name), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    expect(lines('sft-dedup.exact.jsonl').map(({ code, reason, line }) => [code, reason, line])).toEqual([
      ['duplicate', 'duplicate of rows.jsonl:41', 42],
      ['duplicate', 'duplicate of rows.jsonl:41', 43],
    ])
    expect(lines('sft-quality.jsonl')[0].record.messages[0].content).toBe('English?')
    expect(lines('cpt-read.jsonl')).toMatchObject([{ code: 'missing-answer', file: 'rows.jsonl', line: 45 }])
    expect(built.report.files.filter((name) => name.startsWith('dropped/'))).toHaveLength(6)
  })
})
