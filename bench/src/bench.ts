import { existsSync, readdirSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Arguments, parseArguments } from './arguments'
import { BenchError } from './errors'
import { device, versions } from './machine'
import { type Measurement, measure } from './measure'
import { startPython } from './python'
import type { BenchCase, BenchOptions, Suite } from './suite'

/** Where a benchmark finds its surroundings and sends its lines. */
export interface Surroundings {
  /** Repository root, from which the default data folder is found. */
  readonly root: string
  /** Folder of the files that export suites. */
  readonly suites: string
  /** Folder of the peers' Python programs. */
  readonly peers: string
  /** Receives one JSON line a case. */
  print(line: string): void
  /** Receives progress and failures. */
  tell(message: string): void
}

/** One line of the result. */
export interface BenchLine extends Measurement {
  readonly suite: string
  readonly case: string
  readonly peerName: string
  readonly unit: string
  /** Figures about our side that need no peer, rounded to four digits. */
  readonly details?: Readonly<Record<string, number>>
  /** Why there is no peer figure. */
  readonly note?: string
  readonly device: string
  readonly versions: Readonly<Record<string, string>>
}

/**
 * The exit code of a benchmark run: 1 when a case failed. A failed case does not keep the others from running.
 *
 * @throws BenchError when the command line cannot be followed
 */
export const bench = async (argv: readonly string[], surroundings: Surroundings): Promise<number> => {
  const options = parseArguments(argv, surroundings.root)
  const suite = await loadSuite(options.suite, surroundings.suites)
  const owned: AsyncDisposable[] = []
  const results: (BenchLine | undefined)[] = []
  try {
    for (const entry of await chosenCases(suite, options, suiteOptions(options, surroundings, owned)))
      results.push(await runCase(suite.name, entry, options, surroundings))
  } finally {
    for (const resource of owned.reverse()) await resource[Symbol.asyncDispose]()
  }
  if (options.json !== undefined)
    await writeLines(
      options.json,
      results.filter((line) => line !== undefined),
    )
  return results.includes(undefined) ? 1 : 0
}

const suiteOptions = (
  { peerPython: python, data, model }: Arguments,
  { peers }: Surroundings,
  owned: AsyncDisposable[],
): BenchOptions => {
  const own: BenchOptions['own'] = (resource) => {
    owned.push(resource)
    return resource
  }
  const startPeer: BenchOptions['startPeer'] = async (name, args) =>
    python === undefined ? undefined : own(await startPython({ python, script: join(peers, `${name}.py`), args }))
  return { peerPython: python, data, model, own, startPeer }
}

const chosenCases = async (suite: Suite, { only = '' }: Arguments, options: BenchOptions): Promise<BenchCase[]> => {
  const cases = (await suite.cases(options)).filter(({ name }) => name.includes(only))
  if (cases.length > 0) return cases
  throw new BenchError(
    `bench: suite ${suite.name} has no case${only && ` named like '${only}'`}. Leave --only out to see them.`,
  )
}

/** The line of a case, printed; undefined, and a message, when it failed. */
const runCase = async (
  suite: string,
  entry: BenchCase,
  options: Arguments,
  { print, tell }: Surroundings,
): Promise<BenchLine | undefined> => {
  tell(`${suite}: ${entry.name}`)
  try {
    const line = await benchLine(suite, entry, options)
    print(JSON.stringify(line))
    return line
  } catch (error) {
    tell(`FAIL ${suite} ${entry.name}: ${(error as Error).message}`)
    return undefined
  }
}

const benchLine = async (suite: string, entry: BenchCase, { rounds, peerPython }: Arguments): Promise<BenchLine> => {
  const { ours, peer, ratio, spread, rounds: measured } = await measure(entry, { rounds })
  const details = await entry.details?.()
  const note = entry.peer ? {} : { note: peerPython === undefined ? 'no peer: name one with --peer-python' : 'no peer' }
  return {
    suite,
    case: entry.name,
    ours,
    peer,
    peerName: entry.peerName,
    unit: entry.unit,
    ratio,
    spread,
    rounds: measured,
    ...(details && { details: rounded(details) }),
    ...note,
    device: device(),
    versions: { ...versions(), ...entry.versions },
  }
}

const rounded = (figures: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(figures).map(([name, figure]) => [name, Number(figure.toPrecision(4))]))

const loadSuite = async (name: string | undefined, folder: string): Promise<Suite> => {
  const known = existsSync(folder) ? readdirSync(folder).flatMap((file) => /^([^.]+)\.ts$/.exec(file)?.[1] ?? []) : []
  if (name === undefined || !known.includes(name))
    throw new BenchError(
      `bench: expected a suite, got ${name ?? 'none'}. Name one of: ${known.join(', ') || '(there is none yet)'}.`,
    )
  const module: { suite?: Suite } = await import(pathToFileURL(join(folder, `${name}.ts`)).href)
  if (module.suite === undefined) throw new BenchError(`bench: ${name}.ts has no export named 'suite'.`)
  return module.suite
}

const writeLines = async (file: string, lines: readonly BenchLine[]): Promise<void> => {
  await writeFile(`${file}.part`, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  await rename(`${file}.part`, file)
}
