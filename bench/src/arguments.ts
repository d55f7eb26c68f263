import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { BenchError } from './errors'

/** What `npm run bench` was asked for. */
export interface Arguments {
  readonly suite: string | undefined
  /** Part of the names of the cases to run; undefined means all. */
  readonly only: string | undefined
  readonly peerPython: string | undefined
  readonly data: string | undefined
  /** Hugging Face folder of a real model, for suites that measure on one too. */
  readonly model: string | undefined
  /** File that receives the JSON lines too. */
  readonly json: string | undefined
  /** Measured rounds of every case; undefined leaves it to the case. */
  readonly rounds: number | undefined
}

/**
 * The parsed command line. The data folder defaults to `../shared/data` beside the repository when that is there.
 *
 * @throws BenchError for an unknown option, a count that is none, a path that is not there
 */
export const parseArguments = (argv: readonly string[], root: string): Arguments => {
  const { values, positionals } = parse(argv)
  if (positionals.length > 1)
    throw new BenchError(`bench: expected one suite, got ${positionals.join(' and ')}. Run them one after the other.`)
  return {
    suite: positionals[0],
    only: values.only,
    peerPython: peerPython(values['peer-python']),
    data: dataFolder(values.data, resolve(root, '../shared/data')),
    model: values.model === undefined ? undefined : existingFolder('--model', values.model),
    json: values.json === undefined ? undefined : resolve(values.json),
    rounds: rounds(values.rounds),
  }
}

const parse = (argv: readonly string[]) => {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        'peer-python': { type: 'string' },
        only: { type: 'string' },
        data: { type: 'string' },
        model: { type: 'string' },
        json: { type: 'string' },
        rounds: { type: 'string' },
      },
    })
  } catch (error) {
    throw new BenchError(`bench: ${(error as Error).message}`)
  }
}

/** A bare name such as `python3` is looked up in PATH when it starts; a path must exist. */
const peerPython = (named: string | undefined): string | undefined => {
  if (named === undefined || !/[\\/]/.test(named) || existsSync(named)) return named
  throw new BenchError(
    `bench: --peer-python expects a Python program, got ${named}, which is not there. Check the path.`,
  )
}

const dataFolder = (named: string | undefined, fallback: string): string | undefined => {
  if (named !== undefined) return existingFolder('--data', named)
  return isFolder(fallback) ? fallback : undefined
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

const existingFolder = (option: string, named: string): string => {
  if (isFolder(named)) return resolve(named)
  throw new BenchError(`bench: ${option} expects a folder, got ${named}, which is not one. Check the path.`)
}

const rounds = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new BenchError(`bench: --rounds expects a whole number above 0, got ${text}. Try --rounds 5.`)
}
