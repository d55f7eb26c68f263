import { progress, type Schedule, type WarmupOptions, warmupSteps } from './schedule'

/** Options of `warmupDecay`. */
export interface WarmupDecayOptions extends WarmupOptions {
  /** Form of the warm-up: DeepSpeed rises with the logarithm unless told otherwise. */
  readonly warmupShape?: 'log' | 'linear'
}

/**
 * DeepSpeed's `WarmupDecayLR` with `warmup_min_lr` 0, which every official Qilin-Med script uses: a warm-up of at least
 * two steps, ln(step + 1)/ln(warmup) by default, then a linear fall to 0.
 */
export const warmupDecay = ({ peak, warmup = 0, warmupShape = 'log' }: WarmupDecayOptions): Schedule => {
  return (step, totalSteps) => {
    const rise = Math.max(2, warmupSteps(warmup, totalSteps))
    if (step >= rise) return peak * Math.max(0, 1 - progress(step, rise, totalSteps))
    return peak * (warmupShape === 'log' ? Math.log(step + 1) / Math.log(rise) : step / rise)
  }
}
