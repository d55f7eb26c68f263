import { cosineWave, lifted, type Schedule, type WarmupOptions, warmupSteps } from './schedule'

/** Form of a rise or fall. */
export type RampShape = 'linear' | 'cosine' | '1-sqrt'

/** Options of `warmupStableDecay`. */
export interface WarmupStableDecayOptions extends WarmupOptions {
  /** Steps of the fall at the end, or below 1 a share of all steps (rounded up). */
  readonly decay: number
  /** Steps at the peak; default: what warm-up and decay leave of the run. */
  readonly stable?: number
  readonly warmupShape?: RampShape
  readonly decayShape?: RampShape
  /** Share of the peak that the rise starts from and the fall ends at. */
  readonly minimumShare?: number
  /** Waves of a cosine fall; ½ falls once. */
  readonly cycles?: number
}

/** A schedule that rises, stays, and falls at the end (transformers `warmup_stable_decay`). */
export const warmupStableDecay = ({
  peak,
  warmup = 0,
  decay,
  stable,
  warmupShape = 'linear',
  decayShape = 'cosine',
  minimumShare = 0,
  cycles = 0.5,
}: WarmupStableDecayOptions): Schedule => {
  return (step, totalSteps) => {
    const rise = warmupSteps(warmup, totalSteps)
    const fall = warmupSteps(decay, totalSteps)
    const fallStart = rise + (stable ?? totalSteps - rise - fall)
    if (step < rise) return peak * lifted(rising(warmupShape, step / Math.max(1, rise)), minimumShare)
    if (step < fallStart) return peak
    if (step >= fallStart + fall) return peak * minimumShare
    return peak * lifted(falling(decayShape, (step - fallStart) / Math.max(1, fall), cycles), minimumShare)
  }
}

const rising = (shape: RampShape, x: number): number => {
  if (shape === 'linear') return x
  return shape === 'cosine' ? 0.5 * (1 - Math.cos(Math.PI * x)) : 1 - Math.sqrt(1 - x)
}

const falling = (shape: RampShape, x: number, cycles: number): number => {
  if (shape === 'linear') return 1 - x
  return shape === 'cosine' ? cosineWave(x, cycles) : 1 - Math.sqrt(x)
}
