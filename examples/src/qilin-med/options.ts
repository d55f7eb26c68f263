import { parseArgs } from 'node:util'
import type { Ablation } from './mini-domain'

/** What was asked for on the command line. */
export interface Options {
  readonly seed: number
  /** Folder of this run. */
  readonly out: string
  readonly resume: boolean
  /** Folder with real data, or an edited copy of the embedded data; the embedded data without. */
  readonly data: string | undefined
  /** Hugging Face folder of the base model; the embedded one without. */
  readonly model: string | undefined
  /** Hugging Face folder of a sentence embedder for dense retrieval. */
  readonly embedder: string | undefined
  /** Rows a stage with real data. */
  readonly rows: number
  /** Leaves out and counts rows that are damaged (broken JSON, wrong encoding) instead of stopping at the first. */
  readonly skipDamaged: boolean
  readonly ablation: Ablation
  readonly threads: number | undefined
}

const ablations = ['none', 'no-replay', 'one-wording', 'no-cpt'] as const

const wholeNumber = (name: string, text: string, least: number): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new RangeError(`npm start: --${name} must be a whole number of at least ${least}, got '${text}'. Correct it.`)
}

/** The command line as options. @throws RangeError or TypeError with a sentence about the argument that is wrong */
export const readOptions = (args: readonly string[]): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      out: { type: 'string' },
      resume: { type: 'boolean', default: false },
      data: { type: 'string' },
      model: { type: 'string' },
      embedder: { type: 'string' },
      rows: { type: 'string', default: '64' },
      'skip-damaged': { type: 'boolean', default: false },
      ablation: { type: 'string', default: 'none' },
      threads: { type: 'string' },
    },
  })
  const ablation = ablations.find((name) => name === values.ablation)
  if (!ablation)
    throw new RangeError(
      `npm start: --ablation must be one of ${ablations.join(', ')}, got '${values.ablation}'. Correct it.`,
    )
  const seed = wholeNumber('seed', values.seed, 0)
  const name = `${values.data ? 'real' : 'mini'}-seed-${seed}${ablation === 'none' ? '' : `-${ablation}`}`
  return {
    seed,
    out: values.out ?? `out/${name}`,
    resume: values.resume,
    data: values.data,
    model: values.model,
    embedder: values.embedder,
    rows: wholeNumber('rows', values.rows, 1),
    skipDamaged: values['skip-damaged'],
    ablation,
    threads: values.threads === undefined ? undefined : wholeNumber('threads', values.threads, 1),
  }
}
