import { basename } from 'node:path'
import { ChimedError } from './errors'
import { throwFault } from './faults'
import { readCsv } from './read/csv'
import { readRows } from './read/rows'
import { examItem, optionLines } from './sources/cmexam'
import { firstOf, text } from './sources/fields'
import { filesBelow } from './sources/source'
import type { OnFault } from './types'

/** One test item: what is asked, and what belongs to it (options or the answer). */
export interface TestItem {
  readonly question: string
  readonly context: string
}

/** A test set that training data must not hold. */
export interface TestSet {
  readonly name: string
  items(options?: { readonly onFault?: OnFault }): AsyncGenerator<TestItem>
}

const named = (name: string, items: TestSet['items']): TestSet => ({ name, items })

/** CMExam or any test set in its columns. */
export const cmexam = (path: string, { name = 'CMExam' }: { readonly name?: string } = {}): TestSet =>
  named(name, async function* ({ onFault = throwFault } = {}) {
    for (const file of filesBelow(path, /\.(csv|jsonl?|xlsx|parquet)$/i)) {
      for await (const row of readRows<Record<string, unknown>>(file, { onFault })) {
        const item = examItem(row.value)
        if ('drop' in item) onFault({ code: item.drop, reason: item.reason, file, line: row.line })
        else yield { question: item.question, context: optionLines(item).replace(/^[A-Z] /gm, '') }
      }
    }
  })

/** C-Eval (`question`, `A` to `D`; the `test` folder by default) and CMMLU (`Question`): a folder of one CSV a subject. */
const subjects = (name: string, path: string): TestSet =>
  named(name, async function* ({ onFault = throwFault } = {}) {
    for (const file of filesBelow(path, /\.csv$/i)) {
      for await (const { value } of readCsv(file, { onFault })) {
        yield {
          question: firstOf(value, 'question', 'Question'),
          context: ['A', 'B', 'C', 'D'].map((letter) => text(value[letter])).join('\n'),
        }
      }
    }
  })

/** C-Eval: a folder of CSV files with `question`, `A` to `D`. */
export const ceval = (path: string): TestSet => subjects('C-Eval', path)

/** CMMLU: a folder of CSV files with `Question`, `A` to `D`. */
export const cmmlu = (path: string): TestSet => subjects('CMMLU', path)

/** Huatuo-26M test questions, or any file of questions and answers. */
export const huatuo26m = (path: string, { name = 'Huatuo-26M' }: { readonly name?: string } = {}): TestSet =>
  named(name, async function* ({ onFault = throwFault } = {}) {
    for (const file of filesBelow(path, /\.(csv|jsonl?|parquet)$/i)) {
      for await (const { value } of readRows<Record<string, unknown>>(file, { onFault })) {
        yield {
          question: firstOf(value, 'questions', 'question', 'instruction', 'prompt'),
          context: firstOf(value, 'answers', 'answer', 'output', 'response_chosen', 'chosen'),
        }
      }
    }
  })

/** Test items given in memory. */
export function items(list: readonly TestItem[], { name }: { readonly name: string }): TestSet {
  if (list.length === 0)
    throw new ChimedError(
      'option',
      `tests.items: expected test items for ${basename(name)}, got none. Check where they come from.`,
    )
  return named(name, async function* () {
    yield* list
  })
}
