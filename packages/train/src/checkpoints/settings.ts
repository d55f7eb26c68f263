import { createHash } from 'node:crypto'
import type { FlatLayout } from '@qilin-med/tensor'
import { TrainError } from '../errors'
import type { TrainableAdapter } from '../model'
import type { Optimizer } from '../optimizers/optimizer'
import type { RunSettings } from './checkpoint'

/** What `settingsOf` describes. */
export interface SettingsInput {
  readonly data: string
  readonly layout: FlatLayout
  /** Undefined where the model's own parameters are trained. */
  readonly adapter: TrainableAdapter | undefined
  readonly optimizer: Optimizer
  readonly totalSteps: number
  /** Plain options: batch, seed, shuffle, clip, ... */
  readonly options: Readonly<Record<string, unknown>>
}

/** Everything that decides the course of a run, in a form that can be stored and compared. */
export const settingsOf = ({ data, layout, adapter, optimizer, totalSteps, options }: SettingsInput): RunSettings => ({
  data,
  parameters: digest(layout.entries.map(({ name, shape }) => `${name}[${shape}]`).join()),
  optimizer: optimizer.name,
  optimizerSettings: JSON.stringify(optimizer.settings),
  learningRates: digest(rates(optimizer, totalSteps).join()),
  totalSteps,
  ...options,
  ...(adapter && adapterSettings(adapter)),
})

/** Each option by its own name, so that an error names what differs; then what else makes it another adapter. */
const adapterSettings = ({ config = {}, structure = '', values }: TrainableAdapter): RunSettings => ({
  ...Object.fromEntries(Object.entries(config).map(([name, value]) => [`adapter.${name}`, value])),
  'adapter.structure': digest(structure),
  'adapter.values': digest(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
})

/**
 * @throws TrainError `checkpoint-mismatch` naming the first setting that differs from those of the checkpoint
 */
export const requireEqualSettings = (path: string, stored: RunSettings, current: RunSettings): void => {
  const plain = JSON.parse(JSON.stringify(current)) as RunSettings // as it is after a file
  const keys = [...new Set([...Object.keys(stored), ...Object.keys(plain)])]
  const differs = keys.find((key) => JSON.stringify(stored[key]) !== JSON.stringify(plain[key]))
  if (differs === undefined) return
  throw new TrainError(
    'checkpoint-mismatch',
    `train: ${path}: expected a checkpoint of this run, got one with ${differs} ${text(stored[differs])} instead of ${text(plain[differs])}. Use another folder, or the same settings.`,
    { path, option: differs },
  )
}

const text = (value: unknown): string => {
  const shown = JSON.stringify(value) ?? 'undefined'
  return shown.length > 40 ? `${shown.slice(0, 37)}...` : shown
}

const digest = (value: string | Uint8Array): string => createHash('sha256').update(value).digest('hex')

/** Rates at up to a hundred steps over the run: a schedule is a function, so it is compared by its values. */
const rates = ({ learningRate }: Optimizer, totalSteps: number): number[] =>
  Array.from({ length: 101 }, (_, i) => learningRate(Math.floor((i * (totalSteps - 1)) / 100), totalSteps))
