import { type Schedule, type WarmupOptions, warmedUp } from './schedule'

/** A schedule that warms up and then falls linearly to 0 (transformers `linear`). */
export const linear = (options: WarmupOptions): Schedule =>
  warmedUp(options, (step, warmup, total) => Math.max(0, (total - step) / Math.max(1, total - warmup)))

/** A schedule that stays at `peak` after its warm-up (transformers `constant`, `constant_with_warmup`). */
export const constant = (options: WarmupOptions): Schedule => warmedUp(options, () => 1)

/** Options of `polynomial`. */
export interface PolynomialOptions extends WarmupOptions {
  /** Rate at the end of the run, absolute. */
  readonly end?: number
  readonly power?: number
}

/** A schedule that falls from `peak` to `end` along a power of the remaining share (transformers `polynomial`). */
export const polynomial = ({ end = 1e-7, power = 1, ...options }: PolynomialOptions): Schedule =>
  warmedUp(options, (step, warmup, total) => {
    const left = step >= total ? 0 : 1 - (step - warmup) / (total - warmup)
    return ((options.peak - end) * left ** power + end) / options.peak
  })

/** Options of `inverseSqrt`. */
export interface InverseSqrtOptions extends WarmupOptions {
  /** Steps after which the rate has fallen by √2; default: the warm-up, or 10,000 without one. */
  readonly timescale?: number
}

/** A schedule that falls with 1/√step after its warm-up (transformers `inverse_sqrt`). */
export const inverseSqrt = ({ timescale, ...options }: InverseSqrtOptions): Schedule =>
  warmedUp(options, (step, warmup) => {
    const scale = timescale ?? (warmup || 10_000)
    return 1 / Math.sqrt((step + scale - warmup) / scale)
  })
