import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  constant,
  cosine,
  cosineFromFirstStep,
  cosineToMinimum,
  cosineWithRestarts,
  inverseSqrt,
  linear,
  polynomial,
  type RampShape,
  type Schedule,
  warmupDecay,
  warmupStableDecay,
  warmupSteps,
} from '@qilin-med/train'
import type { Case, Kind, Outcome } from '../kind'

/** Learning-rate schedules: the rate of every step, and warm-up shares in steps. */
export const kind: Kind = { prefix: 'schedules', discover: ({ golden }) => discover(golden) }

/** Float64 formulas written in another order. */
const tolerance = 1e-9
const path = 'schedules/schedules'

interface Recorded {
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly warmup?: number
  readonly lr: readonly number[]
}

interface Schedules {
  readonly base_lr: number
  readonly warmup: number
  readonly total: number
  readonly schedules: Readonly<Record<string, Recorded>>
  readonly warmup_steps_from_ratio: Readonly<Record<string, number>>
}

const discover = (golden: string): Case[] => {
  const file = join(golden, `${path}.json`)
  if (!existsSync(file)) return []
  const set = JSON.parse(readFileSync(file, 'utf8')) as Schedules
  const curves = Object.entries(set.schedules).map(([name, recorded]) => ({
    path,
    name,
    run: () => compareCurve(name, recorded, set),
  }))
  return [...curves, { path, name: 'warmup_steps_from_ratio', run: () => compareSteps(set.warmup_steps_from_ratio) }]
}

const compareCurve = (name: string, { kwargs = {}, warmup, lr }: Recorded, set: Schedules): Outcome => {
  const schedule = scheduleOf(name, { peak: set.base_lr, warmup: warmup ?? set.warmup }, kwargs)
  if (!schedule) return { skipped: `no schedule of this name: ${name}` }
  const differences = lr.map((expected, step) => relative(schedule(step, set.total), expected, set.base_lr))
  return { difference: Math.max(...differences), tolerance, detail: `${lr.length} steps` }
}

const compareSteps = (expected: Readonly<Record<string, number>>): Outcome => {
  const differences = Object.entries(expected).map(([key, steps]) => {
    const [, ratio, total] = /^ratio=(.+),total=(\d+)$/.exec(key)!
    return Math.abs(warmupSteps(Number(ratio), Number(total)) - steps)
  })
  return { difference: Math.max(...differences), tolerance: 0 }
}

/** Zero rates are compared against the base rate: a cosine ends at 0 only up to rounding. */
const relative = (ours: number, expected: number, base: number): number =>
  Math.abs(ours - expected) / Math.max(Math.abs(expected), base * 1e-6)

type Numbers = Readonly<Record<string, number | undefined>>

/** Our schedule for a name and keyword arguments of `transformers.get_scheduler`. */
export const scheduleOf = (
  name: string,
  options: { peak: number; warmup: number },
  kwargs: Readonly<Record<string, unknown>>,
): Schedule | undefined => {
  const { num_cycles, min_lr, min_lr_rate, warmup_lr_rate, power, lr_end, timescale, num_decay_steps, min_lr_ratio } =
    kwargs as Numbers
  const { num_stable_steps: stable } = kwargs as Numbers
  const cycles = num_cycles === undefined ? {} : { cycles: num_cycles }
  const floor = min_lr_rate === undefined ? { minimum: min_lr ?? 0 } : { minimumShare: min_lr_rate }
  const [family, variant] = name.split('/') as [string, string?]
  const makers: Record<string, () => Schedule> = {
    linear: () => linear(options),
    cosine: () => cosine({ ...options, ...cycles }),
    cosine_with_restarts: () => cosineWithRestarts({ ...options, ...cycles }),
    polynomial: () =>
      polynomial({ ...options, ...(power !== undefined && { power }), ...(lr_end !== undefined && { end: lr_end }) }),
    constant: () => constant({ peak: options.peak }),
    constant_with_warmup: () => constant(options),
    inverse_sqrt: () => inverseSqrt({ ...options, ...(timescale !== undefined && { timescale }) }),
    cosine_with_min_lr: () => cosineToMinimum({ ...options, ...cycles, ...floor }),
    cosine_warmup_with_min_lr: () =>
      cosineFromFirstStep({
        ...options,
        ...cycles,
        ...floor,
        ...(warmup_lr_rate !== undefined && { startShare: warmup_lr_rate }),
      }),
    warmup_stable_decay: () =>
      warmupStableDecay({
        ...options,
        ...cycles,
        decay: num_decay_steps ?? 0,
        ...(stable !== undefined && { stable }),
        ...(min_lr_ratio !== undefined && { minimumShare: min_lr_ratio }),
        ...(kwargs.warmup_type !== undefined && { warmupShape: kwargs.warmup_type as RampShape }),
        ...(kwargs.decay_type !== undefined && { decayShape: kwargs.decay_type as RampShape }),
      }),
    deepspeed_warmup_decay: () => warmupDecay({ ...options, warmupShape: variant as 'log' | 'linear' }),
  }
  return makers[family]?.()
}
