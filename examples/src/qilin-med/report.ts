import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildReport } from '@qilin-med/chimed'
import { researchNotice } from '@qilin-med/rag'
import { lineChart } from '@qilin-med/train'
import { barChart, escapeHtml, table } from './charts'
import type { Domain } from './domain'
import type { Sample, StageResult } from './evaluate'
import type { Summary } from './summary'
import type { Stage, TrainedStage } from './training'

/** What the report shows. */
export interface ReportContents {
  readonly domain: Domain
  readonly summary: Summary
  readonly stages: Readonly<Record<string, StageResult>>
  readonly trained: Readonly<Partial<Record<Stage, TrainedStage>>>
  readonly data: BuildReport
}

const style = `
:root{color-scheme:light;--line-0:#0b7285;--line-1:#e8590c;--grid:#dee2e6;--ink:#495057}*{box-sizing:border-box}
body{margin:0;background:#f8f9fa;color:#212529;font:16px/1.6 system-ui,-apple-system,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:1.7rem;margin:.2em 0}h2{font-size:1.2rem;margin:2em 0 .6em;border-bottom:2px solid #0b7285;padding-bottom:.2em}
.notice{background:#fff3bf;border-left:4px solid #f08c00;padding:10px 14px;border-radius:4px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0}
.card{background:#fff;border:1px solid #dee2e6;border-radius:8px;padding:12px 14px}.card b{display:block;font-size:1.5rem;color:#0b7285}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:16px}
figure{margin:0;background:#fff;border:1px solid #dee2e6;border-radius:8px;padding:10px}figcaption{font-weight:600;margin-bottom:4px}
svg{width:100%;max-width:480px;height:auto}svg text{font-size:12px;fill:#495057}
.scroll{overflow-x:auto;background:#fff;border:1px solid #dee2e6;border-radius:8px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:6px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid #f1f3f5}
th:first-child,td:first-child{text-align:left}thead th{background:#e6fcf5}
.answer{background:#fff;border:1px solid #dee2e6;border-radius:8px;padding:10px 14px;margin:10px 0;overflow-wrap:anywhere}
.answer dt{color:#868e96;font-size:.85rem}.answer dd{margin:0 0 6px}details{margin-top:4px}small{color:#868e96}
`

const percent = (share: number): string => (100 * share).toFixed(1)

/** A share in percent with its interval to whole percents. */
const withInterval = (share: number, [low, high]: readonly [number, number]): string =>
  `${percent(share)} [${(100 * low).toFixed(0)}, ${(100 * high).toFixed(0)}]`

const resultRows = (stages: ReportContents['stages']): string => {
  const [first] = Object.values(stages)
  const splits = Object.keys(first!.exam)
  const text = Object.keys(first!.perplexity)[0]!
  return table(
    ['stage', `perplexity ${text}`, ...splits.map((split) => `exam ${split} %`), 'preference %'],
    Object.entries(stages).map(([name, { perplexity, exam, preferenceAccuracy: preference }]) => [
      name,
      perplexity[text]!.toFixed(2),
      ...splits.map((split) => withInterval(exam[split]!.accuracy, exam[split]!.ci95)),
      withInterval(preference.value, preference.ci95),
    ]),
  )
}

const otherRows = (stages: ReportContents['stages']): string => {
  const [first] = Object.values(stages)
  const splits = Object.keys(first!.exam)
  const texts = Object.keys(first!.perplexity).slice(1)
  return table(
    ['stage', ...splits.map((split) => `weighted F1 ${split} %`), ...texts.map((name) => `perplexity ${name}`)],
    Object.entries(stages).map(([name, { perplexity, exam }]) => [
      name,
      ...splits.map((split) => percent(exam[split]!.weightedF1)),
      ...texts.map((split) => perplexity[split]!.toFixed(2)),
    ]),
  )
}

const readings = (stages: ReportContents['stages']): string => {
  const splits = Object.keys(Object.values(stages)[0]!.exam)
  return table(
    [
      'stage',
      ...splits.flatMap((split) => [
        `${split}: likelihood %`,
        `${split}: text %`,
        `${split}: letter %`,
        `${split}: unparsed`,
      ]),
    ],
    Object.entries(stages).map(([name, { exam }]) => [
      name,
      ...splits.flatMap((split) => {
        const { accuracy, generated, letter } = exam[split]!
        return [percent(accuracy), percent(generated.accuracy), percent(letter.accuracy), String(generated.unparsed)]
      }),
    ]),
  )
}

const textRows = (stages: ReportContents['stages'], part: 'explanation' | 'dialogue'): string => {
  const terms = ({ termRecall }: StageResult) => (part === 'dialogue' ? [percent(termRecall.value)] : [])
  const head = ['stage', 'BLEU-1', 'BLEU-4', 'ROUGE-1', 'ROUGE-2', 'ROUGE-L', 'n']
  return table(
    part === 'dialogue' ? [...head, 'terms named %'] : head,
    Object.entries(stages).map(([name, result]) => {
      const { bleu1, bleu4, rouge1, rouge2, rougeL, n } = result[part]
      const scores = [bleu1, bleu4, rouge1, rouge2, rougeL].map((score) => score.toFixed(2))
      return [name, ...scores, String(n), ...terms(result)]
    }),
  )
}

const answers = (stages: ReportContents['stages']): string => {
  const [first] = Object.values(stages)
  return first!.samples
    .map(({ question, expected }, i) => {
      const said = Object.entries(stages).map(
        ([name, { samples }]) =>
          `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(samples[i]?.answer ?? '')}${sourcesOf(samples[i])}</dd>`,
      )
      return `<div class="answer"><dl><dt>question</dt><dd><b>${escapeHtml(question)}</b></dd><dt>expected</dt><dd>${escapeHtml(expected)}</dd>${said.join('')}</dl><small>${escapeHtml(researchNotice.en)}</small></div>`
    })
    .join('')
}

const sourcesOf = (sample: Sample | undefined): string =>
  sample && sample.sources.length > 0
    ? `<details><summary>${sample.sources.length} sources</summary><ol>${sample.sources.map(({ text, source }) => `<li>${escapeHtml(text)} <small>${escapeHtml(source)}</small></li>`).join('')}</ol></details>`
    : ''

const dataTable = ({ sources }: BuildReport): string =>
  table(
    ['sub-dataset', 'corpus', 'samples', 'tokens', 'size'],
    sources.map(({ source, corpus, samples, tokens, bytes }) => [
      source,
      corpus.toUpperCase(),
      String(samples),
      String(tokens ?? ''),
      `${(bytes / 1e6).toFixed(2)} MB`,
    ]),
  )

const droppedTable = ({ reading, steps }: BuildReport): string =>
  table(
    ['step', 'in', 'out', 'left out'],
    [
      ...reading.map((step) => ['read', step] as const),
      ...Object.entries(steps).flatMap(([corpus, list]) => list.map((step) => [corpus, step] as const)),
    ]
      .filter(([, { dropped }]) => Object.keys(dropped).length > 0)
      .map(([where, { name, input, output, dropped }]) => [
        `${where}: ${name}`,
        String(input),
        String(output),
        Object.entries(dropped)
          .map(([reason, count]) => `${count} ${reason}`)
          .join(', '),
      ]),
  )

/** A stage's loss; the chart takes its colours from the page. */
const figure = (stage: string, { curve, loss: { first, last, steps } }: TrainedStage): string => {
  const points = curve.map(({ step, loss }) => [step, loss] as const)
  return `<figure>${lineChart({ title: `${stage.toUpperCase()} loss by step`, series: [{ name: 'loss', points }], width: 340, height: 190 })}<small>${first.toFixed(3)} to ${last.toFixed(3)}: means of the first and the last ${steps} steps</small></figure>`
}

const page = ({ domain, summary, stages, trained, data }: ReportContents): string => {
  const splits = Object.keys(Object.values(stages)[0]!.exam)
  const cards = [
    [`${summary.seconds.toFixed(0)} s`, 'whole run'],
    [`${(summary.peakRssBytes / 1e9).toFixed(2)} GB`, 'peak memory'],
    [String(data.sources.reduce((sum, { samples }) => sum + samples, 0)), 'training samples'],
    [String(summary.seed), 'seed'],
  ]
  const training = Object.entries(trained).map(([stage, result]) => figure(stage, result))
  const bars = splits.map((split) =>
    barChart(
      `Exam accuracy, split ${split}`,
      Object.entries(stages).map(([name, { exam }]) => ({
        name,
        value: exam[split]!.accuracy,
        ci95: exam[split]!.ci95,
      })),
    ),
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Qilin-Med on ${escapeHtml(domain.name)}</title><style>${style}</style><main>
<h1>Qilin-Med on ${escapeHtml(domain.name)}</h1><p class="notice">${escapeHtml(domain.notice)} ${escapeHtml(researchNotice.en)}</p>
<div class="cards">${cards.map(([value, label]) => `<div class="card"><b>${escapeHtml(value!)}</b>${escapeHtml(label!)}</div>`).join('')}</div>
<h2>Results</h2>${resultRows(stages)}<p><small>Brackets: 95% bootstrap intervals. An exam answer counts by the likelihood of the option's text.</small></p>
<div class="charts">${bars.join('')}${barChart(
    'Preference accuracy',
    Object.entries(stages).map(([name, { preferenceAccuracy: share }]) => ({ name, ...share })),
  )}</div>
<h2>Weighted F1 and other texts</h2>${otherRows(stages)}
<h2>Three ways to read an exam answer</h2>${readings(stages)}
<h2>Explanations (as Table 5)</h2>${textRows(stages, 'explanation')}<h2>Dialogue answers (as Table 6)</h2>${textRows(stages, 'dialogue')}
<h2>Training</h2><div class="charts">${training.join('')}</div>
<h2>Data (as Tables 1 to 3)</h2>${dataTable(data)}<h2>Left out, and why</h2>${droppedTable(data)}
<h2>Answers before and after each stage</h2>${answers(stages)}
</main></html>`
}

/** Writes `report.html`, one file without any reference to the outside. */
export const writeReport = async (out: string, contents: ReportContents): Promise<void> => {
  const path = join(out, 'report.html')
  await writeFile(`${path}.tmp`, page(contents))
  await rename(`${path}.tmp`, path)
}
