import { TrainError } from '../errors'

/**
 * Learning rate of optimiser step `step` (0 is the first) in a run of `totalSteps`. A pure function in float64, so any
 * function of this form is a schedule.
 */
export type Schedule = (step: number, totalSteps: number) => number

/** What most schedules share. */
export interface WarmupOptions {
  /** Largest rate, reached when the warm-up ends. */
  readonly peak: number
  /** Length of the warm-up: steps, or below 1 a share of all steps (rounded up). Default 0. */
  readonly warmup?: number
}

/**
 * Number of warm-up steps: `warmup` itself, or ceil(warmup · totalSteps) when it is below 1, as transformers counts.
 *
 * @throws TrainError `option` when it is negative or not a number
 */
export const warmupSteps = (warmup: number, totalSteps: number): number => {
  if (!(warmup >= 0))
    throw new TrainError(
      'option',
      `warmupSteps: warmup must be 0 or more, got ${warmup}. Give steps, or a share below 1.`,
      {
        option: 'warmup',
      },
    )
  return warmup < 1 ? Math.ceil(warmup * totalSteps) : warmup
}

/** What a schedule does after the warm-up: the factor of the peak at `step`, for `warmup` of `totalSteps` steps. */
export type Decay = (step: number, warmup: number, totalSteps: number) => number

/** A schedule that rises linearly from 0 to `peak` and then follows `decay`; the first step has rate 0. */
export const warmedUp = ({ peak, warmup = 0 }: WarmupOptions, decay: Decay): Schedule => {
  return (step, totalSteps) => {
    const rise = warmupSteps(warmup, totalSteps)
    return peak * (step < rise ? step / Math.max(1, rise) : decay(step, rise, totalSteps))
  }
}

/** Share of the steps after the warm-up that lie behind: 0 at its end, 1 at the end of the run. */
export const progress = (step: number, warmup: number, totalSteps: number): number =>
  (step - warmup) / Math.max(1, totalSteps - warmup)

/** ½(1 + cos(2π · cycles · x)). */
export const cosineWave = (x: number, cycles: number): number => 0.5 * (1 + Math.cos(Math.PI * cycles * 2 * x))

/** `factor` in [0, 1] moved into [floor, 1]. */
export const lifted = (factor: number, floor: number): number => Math.max(0, factor * (1 - floor) + floor)
