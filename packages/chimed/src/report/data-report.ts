import type { BuildReport } from '../build-report'
import type { ClusterMember, DedupReport } from '../dedup/steps'
import type { Corpus } from '../record'
import { duplicatesBySources } from '../shard/duplicates'
import type { StepReport } from '../types'
import { writeFileWhole } from '../write/file'
import { type Bar, barChart, histogram } from './bars'
import { bytes, escapeHtml, number, style, table } from './html'

/** What a data report shows: the report of `build`, or that of a merged run. */
export type ReportedData = Pick<BuildReport, 'sources' | 'validation' | 'totals' | 'lengths' | 'reading' | 'steps'>

/** Options of `dataReport`. */
export interface DataReportOptions {
  /** Default `ChiMed`. */
  readonly title?: string | undefined
  /** A sentence in a box at the top, such as what the data may be used for. */
  readonly notice?: string | undefined
  /** Further figures for the row of cards, such as the time a build took. */
  readonly facts?: readonly (readonly [label: string, value: string])[] | undefined
}

/** Names of the corpora and the tables of the paper that describe them. */
export const corpusTitles: Readonly<Record<Corpus, string>> = {
  cpt: 'Pre-training text (Table 1)',
  sft: 'Conversations (Table 2)',
  dpo: 'Preferences (Table 3)',
}

const corpora: readonly Corpus[] = ['cpt', 'sft', 'dpo']

/** Writes `dataReport` to a file. */
export const writeDataReport = (path: string, data: ReportedData, options: DataReportOptions = {}): Promise<void> =>
  writeFileWhole(path, dataReport(data, options))

/**
 * One HTML page, readable on a phone and on a desk, without any reference to the outside: Tables 1 to 3 with charts, lengths, what each step
 * took and why with examples, and the largest groups of duplicates. It quotes beginnings of records: share it as you may share the data.
 */
export function dataReport(
  data: ReportedData,
  { title = 'ChiMed', notice, facts = [] }: DataReportOptions = {},
): string {
  const used = corpora.filter((corpus) => data.sources.some((row) => row.corpus === corpus))
  const sum = (of: (row: ReportedData['totals'][number]) => number): number =>
    data.totals.reduce((total, row) => total + of(row), 0)
  const cards = [
    ['samples', number(sum(({ samples }) => samples))],
    ...(data.totals.some(({ tokens }) => tokens !== undefined)
      ? [['tokens', number(sum(({ tokens = 0 }) => tokens))]]
      : []),
    ['text', bytes(sum((row) => row.bytes))],
    ['sources', String(new Set(data.sources.map(({ source }) => source)).size)],
    ...facts,
  ]
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title>
<style>${style}</style></head><body><main><h1>${escapeHtml(title)}</h1>
${notice ? `<p class="notice">${escapeHtml(notice)}</p>` : ''}
<div class="cards">${cards.map(([label, value]) => `<div class="card"><b>${escapeHtml(value!)}</b>${escapeHtml(label!)}</div>`).join('')}</div>
${used.map((corpus) => corpusSection(corpus, data)).join('\n')}
<h2>What was left out, and why</h2>${reasons(data)}
${clusterSection(data)}
${pairSection(data)}
<h2>Examples of what was left out or changed</h2>${examples(data)}
</main></body></html>
`
}

function corpusSection(corpus: Corpus, { sources, totals, validation, lengths, steps }: ReportedData): string {
  const rows = sources.filter((row) => row.corpus === corpus)
  const held = new Map(validation.filter((row) => row.corpus === corpus).map((row) => [row.source, row.samples]))
  const read = rows.reduce((sum, row) => sum + row.read, 0)
  const chats = corpus === 'sft' ? ['multi-turn'] : []
  const shared = (row: (typeof totals)[number]): string[] => [
    row.samples.toLocaleString('en'),
    row.tokens === undefined ? '–' : number(row.tokens),
    bytes(row.bytes),
    ...(corpus === 'sft' ? [`${(100 * (row.multiTurn ?? 0)).toFixed(0)}%`] : []),
  ]
  const lines = rows.map((row) => {
    const inValidation = held.get(row.source) ?? 0
    return [row.source, ...shared(row), ...[inValidation, row.read, row.read - row.samples - inValidation].map(whole)]
  })
  const sums = totals
    .filter((row) => row.corpus === corpus)
    .map((row) => [`total, ${row.split}`, ...shared(row), '', '', ''])
  const head = ['sub-dataset', 'samples', 'tokens', 'size', ...chats, 'validation', 'read', 'left out']
  const charts = [
    barChart(
      'Bytes by sub-dataset',
      rows.map((row) => ({ name: row.source, value: row.bytes, label: bytes(row.bytes) })),
    ),
    ...(steps[corpus].length > 0 ? [barChart('Records after each step', stages(read, steps[corpus]))] : []),
    ...lengths
      .filter((one) => one.corpus === corpus)
      .map(({ unit, bins }) => histogram(`Records by length in ${unit}`, bins)),
  ]
  return `<h2>${corpusTitles[corpus]}</h2>${table(head, [...lines, ...sums])}<div class="charts">${charts.join('')}</div>`
}

const whole = (count: number): string => count.toLocaleString('en')

const stages = (read: number, steps: readonly StepReport[]): Bar[] => [
  { name: 'read', value: read, label: whole(read) },
  ...steps.map(({ name, input, output }) => ({
    name: `after ${name}`,
    value: output,
    label: input === output ? whole(output) : `${whole(output)} (−${whole(input - output)})`,
  })),
]

/** The report of every step that got records, with the corpus it belongs to. */
export const allSteps = ({
  reading,
  steps,
}: Pick<ReportedData, 'reading' | 'steps'>): (readonly [string, StepReport])[] => [
  ...reading.map((told) => ['read', told] as const),
  ...corpora.flatMap((corpus) => steps[corpus].filter(({ input }) => input > 0).map((told) => [corpus, told] as const)),
]

function reasons(data: ReportedData): string {
  const rows = allSteps(data).flatMap(([where, { name, input, dropped, changed }]) => [
    ...Object.entries(dropped).map(([code, count]) => [`${where}: ${name}`, code, 'left out', count, input] as const),
    ...Object.entries(changed).map(([code, count]) => [`${where}: ${name}`, code, 'changed', count, input] as const),
  ])
  if (rows.length === 0) return '<p>Nothing.</p>'
  return table(
    ['step', 'reason', 'what', 'records', 'share'],
    rows.map(([step, code, what, count, input]) => [
      step,
      code,
      what,
      whole(count),
      input === 0 ? '–' : `${((100 * count) / input).toFixed(2)}%`,
    ]),
  )
}

const isDedup = (told: StepReport): told is DedupReport => 'clusters' in told

function clusterSection(data: ReportedData): string {
  const groups = allSteps(data).flatMap(([corpus, told]) =>
    isDedup(told) ? told.clusters.map((cluster) => ({ corpus, step: told.name, cluster })) : [],
  )
  if (groups.length === 0) return ''
  const drawn = groups.map(
    ({ corpus, step, cluster: { size, kept, dropped } }) =>
      `<details><summary><b>${size}</b> records, ${corpus} ${escapeHtml(step)}: ${member(kept)}</summary>${dropped
        .map((one) => `<p>${member(one)}</p>`)
        .join(
          '',
        )}${size > dropped.length + 1 ? `<p class="soft">and ${size - dropped.length - 1} more</p>` : ''}</details>`,
  )
  return `<h2>Largest groups of duplicates</h2>${drawn.join('')}`
}

function pairSection(data: ReportedData): string {
  const rows = allSteps(data).flatMap(([corpus, told]) =>
    isDedup(told) ? duplicatesBySources(told).map((pair) => ({ step: `${corpus}: ${told.name}`, ...pair })) : [],
  )
  if (rows.length === 0) return ''
  const cells = rows.map(({ step, stays, goes, records }) => [step, stays, goes, whole(records)])
  return `<h2>Duplicates by sources</h2>${table(['step', 'stays', 'left out', 'records'], cells)}`
}

const member = ({ origin, excerpt }: ClusterMember): string =>
  `${escapeHtml(excerpt)} <small>${escapeHtml(`${origin?.file ?? origin?.source ?? ''}:${origin?.line ?? 0}`)}</small>`

function examples(data: ReportedData): string {
  const drawn = allSteps(data)
    .filter(([, told]) => told.examples.length > 0)
    .map(
      ([where, { name, examples: faults }]) =>
        `<details><summary>${escapeHtml(`${where}: ${name}`)}</summary>${faults
          .map(
            ({ code, reason, file, line, excerpt = '' }) =>
              `<p><b>${escapeHtml(code)}</b> ${escapeHtml(reason)}<br>${escapeHtml(excerpt)} <small>${escapeHtml(`${file}:${line}`)}</small></p>`,
          )
          .join('')}</details>`,
    )
  return drawn.length === 0 ? '<p>None.</p>' : drawn.join('')
}
