import { defaults, parseArguments } from './arguments'
import { discoverCases } from './discover'
import type { Case } from './kind'
import { loadKinds } from './load'
import { formatCounts, formatResult, type Result, runCase } from './run'
import { normalisePath } from './select'

/** Where a run finds its surroundings and sends its lines. */
export interface Surroundings {
  /** Repository root, from which the default folders are found. */
  readonly root: string
  /** Folder of the files that export kinds. */
  readonly kinds: string
  print(line: string): void
}

/**
 * The exit code of a conformance run: 0 when no case failed, 1 otherwise. Prints one line a case and the counts last.
 *
 * @throws ConformError when the command line cannot be followed
 */
export const conform = async (argv: readonly string[], { root, kinds, print }: Surroundings): Promise<number> => {
  const { golden, data, only, quiet } = parseArguments(argv, root)
  if (golden === undefined) {
    print(`conform: no golden folder at ${defaults.golden}. Name one: npm run conform -- DIR`)
    print(formatCounts([]))
    return 0
  }
  const loaded = await loadKinds(kinds)
  const cases = [
    ...loaded.broken.map(brokenKind),
    ...(await discoverCases(loaded.kinds, { golden, data }, only.map(normalisePath))),
  ]
  const results: Result[] = []
  for (const entry of cases) {
    const result = await runCase(entry)
    if (!quiet || result.status !== 'passed') print(formatResult(result))
    results.push(result)
  }
  print(formatCounts(results))
  return results.some(({ status }) => status === 'failed') ? 1 : 0
}

/** A kind that cannot be loaded might cover anything, so it fails whatever `--only` says. */
const brokenKind = ({ name, message }: { name: string; message: string }): Case => ({
  path: `kinds/${name}`,
  name: '',
  run: () => {
    throw new Error(`cannot be loaded: ${message}`)
  },
})
