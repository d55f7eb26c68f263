import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EvaluationResult, Measure, TaskResult } from '../result'
import { comparisons, comparisonText } from './compare'
import { htmlReport } from './html'
import { harnessJson } from './json'
import { markdownTables } from './markdown'
import { writeReport } from './write'

const share = (value: number, n = 10): Measure => ({ value, ci95: [value - 0.1, value + 0.1], n })

const task = (name: string, measures: TaskResult['measures'], rest: Partial<TaskResult> = {}): TaskResult => ({
  task: name,
  title: name.toUpperCase(),
  settings: { preset: 'default' },
  measures,
  groups: {},
  rows: [],
  failed: 0,
  dropped: [],
  ...rest,
})

const row = { id: '1', question: '灰斑症<b>用药</b>？', options: [{ letter: 'A', text: '蓝叶草' }], gold: 'A' }
const results: EvaluationResult[] = [
  {
    model: 'base|1',
    tasks: [
      task(
        'cmexam',
        {
          accuracy: { ...share(0.25), unparsed: 2, valueOfParsed: 0.3125 },
          bleu1: { value: 12.34, ci95: [10, 14], n: 9 },
        },
        {
          rows: [{ ...row, predicted: '', correct: false, outputs: ['不知道'] }],
          failed: 1,
          dropped: [{ reason: 'no answer', count: 3, examples: [] }],
        },
      ),
      task(
        'ceval',
        { macroAccuracy: share(0.4), accuracy: share(0.5) },
        {
          groups: { subject: { physician: share(0.6) } },
          submission: { physician: { 0: 'A' } },
        },
      ),
    ],
  },
  {
    model: 'tuned',
    tasks: [
      task(
        'cmexam',
        { accuracy: { ...share(0.75), unparsed: 0 } },
        { rows: [{ ...row, predicted: 'A', correct: true, outputs: ['答案：A'] }] },
      ),
    ],
  },
]

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qilin-metrics-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('markdownTables', () => {
  it('lays tables out as the paper does, models below one another, counts and settings under them', () => {
    expect(markdownTables(results)).toMatchInlineSnapshot(`
      "### CMEXAM

      | Method | Accuracy | BLEU-1 |
      |---|--:|--:|
      | base\\|1 | 25.0 [15.0, 35.0] | 12.3 [10.0, 14.0] |
      | tuned | 75.0 [65.0, 85.0] | – |

      base|1: 1 rows, 2 unparsed, accuracy of parsed answers 31.3, 1 failed, 3 left out (no answer); preset default.
      tuned: 1 rows, 0 unparsed; preset default.
      tuned − base|1: +100.0 points [+100.0, +100.0] on 1 questions (1 right only by tuned, 0 only by base|1; McNemar p = 1.000; about 4 questions would show it).

      ### CEVAL

      | Method | Clinical Medicine | Physician | Basic Medicine | Average | Average over questions |
      |---|--:|--:|--:|--:|--:|
      | base\\|1 | – | 60.0 [50.0, 70.0] | – | 40.0 [30.0, 50.0] | 50.0 [40.0, 60.0] |

      base|1: 0 rows; preset default.
      "
    `)
  })
})

describe('harnessJson', () => {
  it('holds what lm-evaluation-harness writes, and intervals and counts beside it', () => {
    const report = JSON.parse(harnessJson(results[0]!, { samples: true }))
    expect(report.results.cmexam).toMatchObject({
      'acc,none': 0.25,
      acc_ci95: [0.15, 0.35],
      acc_n: 10,
      acc_unparsed: 2,
      failed: 1,
    })
    expect(report.results.cmexam['acc_stderr,none']).toBeCloseTo(0.2 / 3.92, 4)
    expect(report['n-samples'].cmexam).toEqual({ original: 1, effective: 0 })
    expect(report.samples.cmexam[0].outputs).toEqual(['不知道'])
    expect(JSON.parse(harnessJson(results[0]!))).not.toHaveProperty('samples')
  })
})

describe('htmlReport', () => {
  const page = htmlReport(results)

  it('shows each question once with both models beside each other', () => {
    expect(page.match(/<details class="row"/g)).toHaveLength(1)
    expect(page).toContain('data-states="wrong unread differ"')
    expect(page.match(/<h3>/g)).toHaveLength(2)
    expect(page).toContain('read as <b>nothing</b>')
    expect(page).toContain('title="tuned">✓')
  })

  it('compares models on the questions that both answered, and says how each was run', () => {
    expect(page).toContain('tuned − base|1: +100.0 points')
    expect(page).toContain('accuracy of parsed answers 31.3')
  })

  it('lets no text become markup and loads nothing from elsewhere', () => {
    expect(page).toContain('灰斑症&lt;b&gt;用药&lt;/b&gt;')
    expect(page).not.toContain('<b>用药')
    expect(page).not.toMatch(/src=|href=|@import|url\(/)
  })
})

describe('comparisons', () => {
  const rows = (...hits: (boolean | undefined)[]) =>
    hits.map((correct, i) => ({ id: `${i}`, question: '', outputs: [], ...(correct !== undefined && { correct }) }))
  const found = [
    { model: 'a', entry: task('t', {}, { rows: rows(true, false, false, false, false, undefined) }) },
    { model: 'b', entry: task('t', {}, { rows: rows(false, true, true, true, undefined, true) }) },
  ]

  it('pair the questions: 3 of 4 against 1 of 4, exact p of 1 against 3 is 10 / 16', () => {
    const [comparison] = comparisons(found)
    expect(comparison).toMatchObject({
      first: 'a',
      second: 'b',
      onlyFirst: 1,
      onlySecond: 3,
      difference: { value: 0.5, n: 4 },
    })
    expect(comparison!.pValue).toBeCloseTo(10 / 16, 12)
    // ((1.96 √1 + 0.8416 √(1 − 0.25)) / 0.5)² = 28.9
    expect(comparison!.questionsNeeded).toBe(29)
    expect(comparisonText(comparison!)).toContain('about 29 questions would show it')
  })

  it('need a common question with a right or wrong answer', () => {
    expect(comparisons([found[0]!, { model: 'c', entry: task('t', {}) }])).toEqual([])
    expect(comparisons([])).toEqual([])
  })
})

describe('writeReport', () => {
  it('writes all files under names that stay in the folder', async () => {
    const written = await writeReport(folder, [{ ...results[0]!, model: '../../evil/name' }, results[1]!])
    expect((await readdir(folder)).sort()).toEqual([
      'report.html',
      'results--..-evil-name.json',
      'results-tuned.json',
      'results.md',
      'submission-ceval--..-evil-name.json',
    ])
    expect(JSON.parse(await readFile(written.submissions[0]!, 'utf8'))).toEqual({ physician: { 0: 'A' } })
  })

  it('names a folder that cannot be written', async () => {
    await writeFile(join(folder, 'file'), 'x')
    await expect(writeReport(join(folder, 'file'), results)).rejects.toMatchObject({ code: 'data' })
  })
})
