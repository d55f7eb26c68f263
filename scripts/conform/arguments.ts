import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ConformError } from './errors'

/** What `npm run conform` was asked for. */
export interface Arguments {
  /** Golden folder; undefined when none was named and the default is absent. */
  readonly golden: string | undefined
  /** Data folder that some cases refer to; undefined when there is none. */
  readonly data: string | undefined
  /** Paths given with `--only`; empty means everything. */
  readonly only: readonly string[]
  /** True when lines of passed cases are left out. */
  readonly quiet: boolean
}

/** Default folders, relative to the repository. */
export const defaults = { golden: '../shared/golden', data: '../shared/data' } as const

/**
 * The parsed command line. Folders named by the user must exist; the defaults need not.
 *
 * @throws ConformError for an unknown option, an empty `--only`, or a named folder that is not there
 */
export const parseArguments = (argv: readonly string[], root: string): Arguments => {
  const { values, positionals } = parse(argv)
  if (positionals.length > 1)
    throw new ConformError(
      `conform: expected one folder, got ${positionals.join(' and ')}. Separate --only paths by commas.`,
    )
  const only = (values.only ?? []).flatMap((list) => list.split(',')).map((path) => path.trim())
  if (only.some((path) => path === ''))
    throw new ConformError(
      "conform: --only expects paths separated by commas, got an empty one. Remove it, or name a path such as 'losses'.",
    )
  return {
    golden: folder(positionals[0], resolve(root, defaults.golden), 'a golden folder'),
    data: folder(values.data, resolve(root, defaults.data), 'a data folder'),
    only,
    quiet: values.quiet ?? false,
  }
}

const parse = (argv: readonly string[]) => {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        only: { type: 'string', multiple: true },
        data: { type: 'string' },
        quiet: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new ConformError(`conform: ${(error as Error).message}`)
  }
}

const folder = (named: string | undefined, fallback: string, what: string): string | undefined => {
  const path = resolve(named ?? fallback)
  if (existsSync(path) && statSync(path).isDirectory()) return path
  if (named === undefined) return undefined
  throw new ConformError(`conform: expected ${what}, got ${named}, which is not a folder. Check the path.`)
}
