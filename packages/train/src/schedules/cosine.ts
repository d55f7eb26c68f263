import { TrainError } from '../errors'
import { cosineWave, lifted, progress, type Schedule, type WarmupOptions, warmedUp, warmupSteps } from './schedule'

/** Options of `cosine`. */
export interface CosineOptions extends WarmupOptions {
  /** Waves over the run; ½ falls once from the peak to 0. */
  readonly cycles?: number
}

/** A schedule that warms up and then follows a cosine (transformers `cosine`). */
export const cosine = ({ cycles = 0.5, ...options }: CosineOptions): Schedule =>
  warmedUp(options, (...at) => Math.max(0, cosineWave(progress(...at), cycles)))

/** A schedule of `cycles` (default 1) falling cosines with jumps back to the peak (transformers `cosine_with_restarts`). */
export const cosineWithRestarts = ({ cycles = 1, ...options }: CosineOptions): Schedule =>
  warmedUp(options, (...at) => {
    const done = progress(...at)
    return done >= 1 ? 0 : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((cycles * done) % 1))))
  })

/** The lowest rate of a schedule: exactly one of the two is given. */
export interface MinimumOptions extends CosineOptions {
  /** As a rate. */
  readonly minimum?: number
  /** As a share of the peak. */
  readonly minimumShare?: number
}

/**
 * A schedule that follows a cosine down to a minimum (transformers `cosine_with_min_lr`).
 *
 * @throws TrainError `option` unless exactly one of `minimum` and `minimumShare` is given
 */
export const cosineToMinimum = ({ cycles = 0.5, minimum, minimumShare, ...options }: MinimumOptions): Schedule => {
  const floor = floorOf('cosineToMinimum', options.peak, { minimum, minimumShare })
  return warmedUp(options, (...at) => lifted(cosineWave(progress(...at), cycles), floor))
}

/** Options of `cosineFromFirstStep`. */
export interface FromFirstStepOptions extends MinimumOptions {
  /** Share of the peak at the first step; default 1/warmup. */
  readonly startShare?: number
}

/**
 * As `cosineToMinimum`, but the first step already moves: the warm-up starts above 0 and the cosine is one step ahead
 * (transformers `cosine_warmup_with_min_lr`).
 *
 * @throws TrainError `option` unless exactly one of `minimum` and `minimumShare` is given
 */
export const cosineFromFirstStep = (options: FromFirstStepOptions): Schedule => {
  const { peak, warmup = 0, cycles = 0.5, startShare } = options
  const floor = floorOf('cosineFromFirstStep', peak, options)
  return (step, totalSteps) => {
    const rise = warmupSteps(warmup, totalSteps)
    if (step >= rise) return peak * lifted(cosineWave(progress(step + 1, rise, totalSteps), cycles), floor)
    if (startShare === undefined) return peak * ((step + 1) / Math.max(1, rise))
    return peak * (startShare + ((1 - startShare) * step) / Math.max(1, rise - 1))
  }
}

const floorOf = (
  schedule: string,
  peak: number,
  { minimum, minimumShare }: Pick<MinimumOptions, 'minimum' | 'minimumShare'>,
): number => {
  if ((minimum === undefined) === (minimumShare === undefined))
    throw new TrainError(
      'option',
      `${schedule}: expected one of minimum and minimumShare, got ${minimum === undefined ? 'none' : 'both'}. Give one.`,
      { option: 'minimum' },
    )
  return minimumShare ?? minimum! / peak
}
