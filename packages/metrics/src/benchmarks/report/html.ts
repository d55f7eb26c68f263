import type { EvaluationResult, Measure, RowResult } from '../result'
import { comparisons, comparisonText, type ModelTask } from './compare'
import { formatMeasure, measureNames } from './format'
import { notesOf } from './markdown'

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

/** One task: its table, its parts, then its questions. */
function section(task: string, results: readonly EvaluationResult[]): string {
  const found = results.flatMap(({ model, tasks }) =>
    tasks.filter((entry) => entry.task === task).map((entry) => ({ model, entry })),
  )
  const compared = comparisons(found).map((comparison) => `<li>${escapeHtml(comparisonText(comparison))}</li>`)
  const notes = found.map(({ model, entry }) => `<li>${escapeHtml(model)}: ${escapeHtml(notesOf(entry))}</li>`)
  return `<section>
<h2>${escapeHtml(found[0]!.entry.title)}</h2>
${measuresTable(found)}
${compared.length > 0 ? `<ul class="compared">${compared.join('')}</ul>` : ''}
<details><summary>Counts and settings</summary><ul>${notes.join('')}</ul></details>
${groupTables(found)}
<div class="filter"><select aria-label="Show">${['all', 'wrong', 'unread', 'failed', 'differ']
    .map((name) => `<option>${name}</option>`)
    .join('')}</select> <input type="search" placeholder="search" aria-label="Search"> <span class="count"></span></div>
${questions(found)}
</section>`
}

type Found = readonly ModelTask[]

const cell = (key: string, measure: Measure | undefined): string => {
  const [value, interval] = formatMeasure(key, measure).split(' [')
  return `<td>${escapeHtml(value!)}${interval === undefined ? '' : `<small>[${escapeHtml(interval)}</small>`}</td>`
}

function measuresTable(found: Found): string {
  const keys = [...new Set(found.flatMap(({ entry }) => Object.keys(entry.measures)))]
  const headings = [...keys.map((key) => measureNames[key] ?? key), 'Rows', 'Unparsed', 'Failed']
  const rows = found.map(({ model, entry }) => {
    const measures = keys.map((key) => cell(key, entry.measures[key])).join('')
    const unparsed = String(entry.measures.accuracy?.unparsed ?? '–')
    return `<tr><th>${escapeHtml(model)}</th>${measures}<td>${entry.rows.length}</td><td>${unparsed}</td><td>${entry.failed}</td></tr>`
  })
  return table(['Model', ...headings], rows)
}

const table = (headings: readonly string[], rows: readonly string[]): string =>
  `<div class="wide"><table><tr>${headings.map((heading) => `<th>${escapeHtml(heading)}</th>`).join('')}</tr>
${rows.join('\n')}
</table></div>`

/** Accuracy by subject, department, …: one table a grouping, a column a model. */
function groupTables(found: Found): string {
  const names = [...new Set(found.flatMap(({ entry }) => Object.keys(entry.groups)))]
  return names
    .map((name) => {
      const values = [...new Set(found.flatMap(({ entry }) => Object.keys(entry.groups[name] ?? {})))]
      const rows = values.map((value) => {
        const measures = found.map(({ entry }) => entry.groups[name]?.[value])
        const count = Math.max(...measures.map((measure) => measure?.n ?? 0))
        return `<tr><th>${escapeHtml(value)}</th>${measures.map((measure) => cell('accuracy', measure)).join('')}<td>${count}</td></tr>`
      })
      const headings = [name, ...found.map(({ model }) => model), 'Rows']
      return `<details><summary>Accuracy by ${escapeHtml(name)} (${values.length})</summary>${table(headings, rows)}</details>`
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
  return `<details class="row" data-states="${statesOf(rows).join(' ')}"><summary><code>${escapeHtml(id)}</code> ${escapeHtml(known.question.slice(0, 90))}${rows.map((row, k) => mark(row, models[k])).join('')}</summary>
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

/** Right, wrong or failed, with the model's name where several stand side by side. */
function mark(row: RowResult | undefined, model?: string): string {
  const title = model === undefined ? '' : ` title="${escapeHtml(model)}"`
  if (row?.error !== undefined) return ` <i class="bad"${title}>failed</i>`
  if (row?.correct === undefined) return ''
  return row.correct ? ` <i class="good"${title}>✓</i>` : ` <i class="bad"${title}>✗</i>`
}

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
table{border-collapse:collapse;margin:.5rem 0}th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:right;white-space:nowrap}th{white-space:normal}
th:first-child{text-align:left;position:sticky;left:0;background:Canvas;min-width:6.5rem;max-width:9rem;white-space:normal;overflow-wrap:anywhere}
td small{display:block;opacity:.65}.wide{overflow-x:auto}
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
