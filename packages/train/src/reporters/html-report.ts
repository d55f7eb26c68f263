import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { EvalEnd, RunStart, StepRecord } from '../loop/events'
import { escapeText, lineChart, type Series } from './line-chart'
import { duration } from './progress-bar'
import { type Reporter, writing } from './reporter'

/** Options of `htmlReport`. */
export interface HtmlReportOptions {
  readonly title?: string
}

/**
 * A reporter that writes one self-contained page with the curves of a run: after every checkpoint and evaluation, and at
 * the end.
 *
 * @throws TrainError `report-write` from the reporter when the file cannot be written
 */
export const htmlReport = (path: string, { title = 'Training' }: HtmlReportOptions = {}): Reporter => {
  const steps: StepRecord[] = []
  const evaluations: EvalEnd[] = []
  let start: RunStart | undefined
  let seconds: number | undefined
  const page = () => pageText({ title, start, steps, evaluations, seconds })
  return async (event) => {
    if (event.type === 'run-start') {
      start = event
      steps.splice(0, steps.length, ...event.history)
      evaluations.splice(0, evaluations.length, ...event.evaluations)
    }
    if (event.type === 'step-end') steps.push(event)
    if (event.type === 'eval-end') evaluations.push(event)
    if (event.type === 'run-end') seconds = event.seconds
    if (['checkpoint-end', 'eval-end', 'run-end'].includes(event.type)) await writePage(path, page())
  }
}

const writePage = (path: string, text: string): Promise<void> =>
  writing(path, async () => {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.partial`, text)
    await rename(`${path}.partial`, path)
  })

interface Page {
  readonly title: string
  readonly start: RunStart | undefined
  readonly steps: readonly StepRecord[]
  readonly evaluations: readonly EvalEnd[]
  readonly seconds: number | undefined
}

const pageText = ({ title, start, steps, evaluations, seconds }: Page): string => {
  const facts = [
    ['Steps', `${steps.length} of ${start?.totalSteps ?? steps.length}`],
    ['Rows', `${start?.rows ?? ''}`],
    ['Trained parameters', `${start?.trainedParameters ?? ''}`],
    ['Last loss', steps.at(-1)?.loss.toFixed(4) ?? ''],
    ['Time', seconds === undefined ? 'running' : duration(seconds)],
  ]
  const heading = escapeText(title)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${heading}</title>
<style>${style}</style></head><body><h1>${heading}</h1>
<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl>
<main>${charts(steps, evaluations)
    .map((chart) => `<figure>${chart}</figure>`)
    .join('\n')}</main></body></html>
`
}

/** Curves of the loss, of what decides a step, and of every metric. */
const charts = (steps: readonly StepRecord[], evaluations: readonly EvalEnd[]): string[] => {
  const names = Object.keys(steps.at(-1)?.metrics ?? {})
  const metric = (name: string) =>
    chartOf(
      name,
      steps,
      ({ metrics }) => metrics[name] ?? Number.NaN,
      evaluations,
      ({ metrics }) => metrics[name] ?? Number.NaN,
    )
  return [
    chartOf(
      'loss',
      steps,
      ({ loss }) => loss,
      evaluations,
      ({ loss }) => loss,
    ),
    chartOf('gradient norm', steps, ({ gradNorm }) => gradNorm),
    chartOf('learning rate', steps, ({ learningRate }) => learningRate),
    ...names.map(metric),
  ]
}

const chartOf = (
  title: string,
  steps: readonly StepRecord[],
  ofStep: (step: StepRecord) => number,
  evaluations: readonly EvalEnd[] = [],
  ofEvaluation: (evaluation: EvalEnd) => number = () => Number.NaN,
): string => {
  const held: Series = { name: 'eval', points: evaluations.map((event) => [event.step, ofEvaluation(event)] as const) }
  const train: Series = { name: 'train', points: steps.map((step) => [step.step, ofStep(step)] as const) }
  return lineChart({ title, series: held.points.some(([, y]) => Number.isFinite(y)) ? [train, held] : [train] })
}

const style = `:root{--ink:#1d2330;--paper:#fff;--grid:#e4e7ee;--line-0:#2458d3;--line-1:#c2410c;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--paper:#14171f;--grid:#2b303d;--line-0:#7aa2ff;--line-1:#fb923c}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;max-width:68rem;padding:0 1rem}
h1{font-size:1.5rem}dl{display:flex;flex-wrap:wrap;gap:.5rem 2rem}dt{opacity:.7;font-size:.85rem}dd{margin:0;font-weight:600}
main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.5rem}
figure{margin:0}svg{width:100%;height:auto;font-family:inherit}`
