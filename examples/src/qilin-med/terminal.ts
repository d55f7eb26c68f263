import { relative } from 'node:path'
import type { BuildReport } from '@qilin-med/chimed'
import type { Domain, TestData } from './domain'
import type { StageResult } from './evaluate'

/** One line about a stage of the program. */
export const heading = (text: string): void => {
  process.stderr.write(`\n\u001b[1m${text}\u001b[0m\n`)
}

/** A remark below a heading. */
export const note = (text: string): void => {
  process.stderr.write(`  ${text}\n`)
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`

/** Which files stand for what, and how many rows of them gave a record. */
export const readingTable = ({ corpora }: Domain, folder: string, { reading }: BuildReport): void => {
  note('Read')
  const sources = (['cpt', 'sft', 'dpo'] as const).flatMap((corpus) => corpora[corpus])
  for (const [i, { name, files }] of sources.entries()) {
    const { input, output } = reading[i]!
    const paths = files().map((path) => relative(folder, path))
    const shown = paths.length > 2 ? `${paths[0]} and ${paths.length - 1} more` : paths.join(', ')
    note(`  ${name.padEnd(30)} ${String(output).padStart(6)} of ${String(input).padStart(6)} rows  ${shown}`)
  }
}

/** What the stages are asked, and what of the test files is not asked. */
export const testTable = ({ exams, dialogues, preferences, terms, leftOut }: TestData): void => {
  const questions = Object.entries(exams).map(([split, items]) => `${items.length} exam questions (${split})`)
  const sets = [...questions, `${dialogues.length} dialogues`, `${preferences.length} pairs`, `${terms.length} terms`]
  note(`Held back: ${sets.join(', ')}`)
  if (leftOut.length > 0) note(`Not asked: ${leftOut.join(', ')}`)
}

/** Tables 1 to 3 of the paper for this data, and what was left out on the way and why. */
export const dataTables = ({ sources, reading, steps }: BuildReport): void => {
  const tables = { cpt: 'Table 1: ChiMed-CPT', sft: 'Table 2: ChiMed-SFT', dpo: 'Table 3: ChiMed-DPO' } as const
  for (const [corpus, title] of Object.entries(tables)) {
    const rows = sources.filter((row) => row.corpus === corpus)
    if (rows.length === 0) continue
    note(title)
    for (const row of rows)
      note(
        `  ${row.source.padEnd(30)} ${String(row.samples).padStart(7)} samples ${String(row.tokens ?? 0).padStart(9)} tokens ${megabytes(row.bytes).padStart(10)}`,
      )
  }
  const dropped = [...reading, ...Object.values(steps).flat()].flatMap(({ name, dropped: reasons }) =>
    Object.entries(reasons).map(([reason, count]) => `${name}: ${count} ${reason}`),
  )
  note(`Left out: ${dropped.join('; ') || 'nothing'}`)
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}`

/** The stages side by side. */
export const resultTable = (stages: Readonly<Record<string, StageResult>>): void => {
  const splits = Object.keys(Object.values(stages)[0]!.exam)
  const first = Object.keys(Object.values(stages)[0]!.perplexity)[0]!
  note(
    ['stage'.padEnd(8), `ppl ${first}`, ...splits.map((split) => `exam ${split}`), 'expl R-L', 'dial R-L', 'pref']
      .map((cell) => cell.padStart(9))
      .join(' '),
  )
  for (const [stage, result] of Object.entries(stages)) {
    const cells = [
      result.perplexity[first]!.toFixed(2),
      ...splits.map((split) => percent(result.exam[split]!.accuracy)),
      result.explanation.rougeL.toFixed(1),
      result.dialogue.rougeL.toFixed(1),
      percent(result.preferenceAccuracy.value),
    ]
    note([stage.padEnd(8), ...cells].map((cell) => cell.padStart(9)).join(' '))
  }
}
