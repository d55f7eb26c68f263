import { oneLine } from './errors'
import type { Case } from './kind'

/** What became of one case, ready to print. */
export interface Result {
  readonly path: string
  readonly name: string
  readonly status: 'passed' | 'failed' | 'skipped'
  /** Difference and tolerance, or the reason it was skipped or could not be compared. */
  readonly text: string
}

/** The result of a case. An exception, a difference that is not a number and a negative one are failures. */
export const runCase = async (entry: Case): Promise<Result> => {
  const { path, name } = entry
  try {
    const outcome = await entry.run()
    if ('skipped' in outcome) return { path, name, status: 'skipped', text: outcome.skipped }
    const { difference, tolerance, detail } = outcome
    const status = difference >= 0 && difference <= tolerance ? 'passed' : 'failed'
    return {
      path,
      name,
      status,
      text: [`diff ${short(difference)}`, `tol ${short(tolerance)}`, detail].filter(Boolean).join('  '),
    }
  } catch (error) {
    return { path, name, status: 'failed', text: oneLine(error) }
  }
}

const labels = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' } as const

/** One line of the report. */
export const formatResult = ({ path, name, status, text }: Result): string =>
  `${labels[status]} ${name === '' ? path : `${path} ${name}`}  ${text}`

/** The closing line, `N passed, N failed, N skipped`. */
export const formatCounts = (results: readonly Result[]): string => {
  const count = (status: Result['status']): number => results.filter((result) => result.status === status).length
  return `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`
}

/** Two significant digits, `0` for zero and `1e-9` rather than `1.0e-9`. */
const short = (value: number): string => {
  if (value === 0 || !Number.isFinite(value)) return String(value)
  const exponential = Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5
  return exponential ? value.toExponential(1).replace('.0e', 'e') : String(Number(value.toPrecision(2)))
}
