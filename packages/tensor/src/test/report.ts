import type { Runtime } from '../runtime'
import { ending } from './behaviours'
import { type Check, contract, type Rigour } from './contract'

/** How one check of the contract went where no test framework is at hand. */
export interface Report {
  readonly name: string
  /** What is wrong; absent when the check passed. */
  readonly problem?: string
}

/** Runs the contract over a runtime, which it disposes of. */
export async function* reports(runtime: Runtime, rigour: Rigour): AsyncGenerator<Report> {
  for (const check of contract) yield await report(check, runtime, rigour)
  yield await report(ending, runtime, rigour)
}

const report = async ({ name, check }: Check, runtime: Runtime, rigour: Rigour): Promise<Report> => {
  try {
    await check(runtime, rigour)
    return { name }
  } catch (error) {
    return { name, problem: problemOf(error) }
  }
}

/** The sentence and, where a property found it, the counterexample. */
const problemOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.cause.message}\n${error.message}` : `${error.message}`
}
