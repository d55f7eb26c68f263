import type { EvaluationResult, RowResult, TaskResult } from '../result'
import { formatMeasure, measureNames } from './format'

/**
 * A page that stands alone: the measures of each task with intervals for one or more models side by side, and every question with what each
 * model answered, to be filtered by right, wrong, unread, failed and differing answers and by text.
 */
export function htmlReport(
  results: readonly EvaluationResult[],
  { title = 'Evaluation' }: { readonly title?: string } = {},
): string {
  const tasks = [...new Set(results.flatMap((result) => result.tasks.map((task) => task.task)))]
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
<h1>${escapeHtml(title)}</h1>
${tasks.map((task) => section(task, results)).join('\n')}
<script>${script}</script>
</html>
`
}

/** One task: its table, then its questions. */
function section(task: string, results: readonly EvaluationResult[]): string {
  const found = results.flatMap(({ model, tasks }) =>
    tasks.filter((entry) => entry.task === task).map((entry) => ({ model, entry })),
  )
  return `<section>
<h2>${escapeHtml(found[0]!.entry.title)}</h2>
${measuresTable(found)}
${found.map(({ model, entry }) => groupTables(model, entry)).join('\n')}
<div class="filter"><select aria-label="Show">${['all', 'wrong', 'unread', 'failed', 'differ']
    .map((name) => `<option>${name}</option>`)
    .join('')}</select> <input type="search" placeholder="search" aria-label="Search"> <span class="count"></span></div>
${questions(found)}
</section>`
}

type Found = readonly { readonly model: string; readonly entry: TaskResult }[]

function measuresTable(found: Found): string {
  const keys = [...new Set(found.flatMap(({ entry }) => Object.keys(entry.measures)))]
  const cells = (entry: TaskResult): string =>
    keys.map((key) => `<td>${escapeHtml(formatMeasure(key, entry.measures[key]))}</td>`).join('')
  const unparsed = (entry: TaskResult): string => String(entry.measures.accuracy?.unparsed ?? '–')
  return `<div class="wide"><table><tr><th>Model</th>${keys.map((key) => `<th>${escapeHtml(measureNames[key] ?? key)}</th>`).join('')}<th>Rows</th><th>Unparsed</th><th>Failed</th></tr>
${found.map(({ model, entry }) => `<tr><th>${escapeHtml(model)}</th>${cells(entry)}<td>${entry.rows.length}</td><td>${unparsed(entry)}</td><td>${entry.failed}</td></tr>`).join('\n')}
</table></div>`
}

function groupTables(model: string, { groups }: TaskResult): string {
  return Object.entries(groups)
    .map(([name, values]) => {
      const rows = Object.entries(values).map(
        ([value, measure]) =>
          `<tr><th>${escapeHtml(value)}</th><td>${formatMeasure('accuracy', measure)}</td><td>${measure.n}</td></tr>`,
      )
      return `<details><summary>${escapeHtml(model)} by ${escapeHtml(name)} (${rows.length})</summary><table><tr><th></th><th>Accuracy</th><th>Rows</th></tr>${rows.join('')}</table></details>`
    })
    .join('\n')
}

/** Every question once, with the answer of each model. */
function questions(found: Found): string {
  const byId = new Map<string, (RowResult | undefined)[]>()
  found.forEach(({ entry }, k) => {
    for (const row of entry.rows) {
      const rows = byId.get(row.id) ?? new Array<RowResult | undefined>(found.length).fill(undefined)
      rows[k] = row
      byId.set(row.id, rows)
    }
  })
  const models = found.map(({ model }) => model)
  return [...byId].map(([id, rows]) => question(id, rows, models)).join('\n')
}

function question(id: string, rows: readonly (RowResult | undefined)[], models: readonly string[]): string {
  const known = rows.find((row) => row !== undefined)!
  const options = (known.options ?? []).map(
    ({ letter, text }) =>
      `<li class="${known.gold?.includes(letter) ? 'gold' : ''}">${escapeHtml(letter)} ${escapeHtml(text)}</li>`,
  )
  const gold =
    known.gold === undefined
      ? ''
      : `<p class="reference">${known.options ? 'Answer' : 'Reference'}: ${escapeHtml(known.gold)}</p>`
  const answers = rows.map((row, k) => (row === undefined ? '' : answer(models[k]!, row)))
  return `<details class="row" data-states="${statesOf(rows).join(' ')}"><summary><code>${escapeHtml(id)}</code> ${escapeHtml(known.question.slice(0, 90))}${rows.map(mark).join('')}</summary>
<p>${escapeHtml(known.question)}</p>${options.length > 0 ? `<ul>${options.join('')}</ul>` : ''}${gold}<div class="answers">${answers.join('')}</div></details>`
}

function answer(model: string, row: RowResult): string {
  const values = Object.entries(row.values ?? {}).map(([name, value]) => `${escapeHtml(name)} ${value.toFixed(3)}`)
  const parts = [
    `<h3>${escapeHtml(model)}${mark(row)}</h3>`,
    row.predicted === undefined
      ? ''
      : `<p>read as <b>${escapeHtml(row.predicted === '' ? 'nothing' : row.predicted)}</b></p>`,
    values.length > 0 ? `<p class="values">${values.join(', ')}</p>` : '',
    ...row.outputs.map((text) => `<pre>${escapeHtml(text)}</pre>`),
    row.error === undefined ? '' : `<p class="error">${escapeHtml(row.error)}</p>`,
  ]
  return `<div>${parts.join('')}</div>`
}

const mark = (row: RowResult | undefined): string =>
  row?.error !== undefined
    ? ' <i class="bad">failed</i>'
    : row?.correct === undefined
      ? ''
      : row.correct
        ? ' <i class="good">✓</i>'
        : ' <i class="bad">✗</i>'

/** The filters that show a question. */
function statesOf(rows: readonly (RowResult | undefined)[]): string[] {
  const present = rows.filter((row) => row !== undefined)
  const differ = new Set(present.map((row) => row.predicted ?? row.outputs.join('\n'))).size > 1
  return [
    ...(present.some((row) => row.correct === false) ? ['wrong'] : []),
    ...(present.some((row) => row.predicted === '') ? ['unread'] : []),
    ...(present.some((row) => row.error !== undefined) ? ['failed'] : []),
    ...(differ ? ['differ'] : []),
  ]
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character]!)

const style = `
:root{color-scheme:light dark;--line:#8884;--good:#1a7f37;--bad:#c2341d}
body{font:15px/1.5 system-ui,"Noto Sans SC","PingFang SC",sans-serif;max-width:70rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}h3{font-size:.95rem;margin:.2rem 0}
table{border-collapse:collapse;margin:.5rem 0}th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:right}
th:first-child{text-align:left}.wide{overflow-x:auto}
details{border-bottom:1px solid var(--line);padding:.3rem 0}summary{cursor:pointer}
.filter{margin:1rem 0;display:flex;gap:.5rem;flex-wrap:wrap;align-items:center}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:1rem}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line);border-radius:.3rem;padding:.5rem;margin:.3rem 0}
ul{list-style:none;padding-left:0}.gold,.good{color:var(--good)}.bad,.error{color:var(--bad)}.gold{font-weight:600}.values{font-size:.85rem}
i{font-style:normal;font-weight:600}
`

const script = `
for (const section of document.querySelectorAll('section')) {
  const rows = [...section.querySelectorAll('details.row')]
  const state = section.querySelector('.filter select'), search = section.querySelector('.filter input'), count = section.querySelector('.count')
  const update = () => {
    let shown = 0
    for (const row of rows) {
      row.hidden = (state.value !== 'all' && !row.dataset.states.split(' ').includes(state.value)) || !row.textContent.includes(search.value)
      if (!row.hidden) shown++
    }
    count.textContent = shown + ' of ' + rows.length
  }
  state.addEventListener('change', update)
  search.addEventListener('input', update)
  update()
}
`
