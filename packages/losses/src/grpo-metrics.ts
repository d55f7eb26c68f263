import { and, cast, greater, less, max, min, or, reshape, type Tensor, where } from '@qilin-med/tensor'
import { gammaWeights } from './grpo-masks'
import type { GrpoSettings } from './grpo-options'
import { bounded, clipped, type Ratios } from './grpo-ratio'
import { meanMetric } from './reductions'
import type { Metric } from './types'

/** How often the ratio was clipped, under TRL's names; what there is to know depends on the objective. */
export const ratioMetrics = (ratios: Ratios, settings: GrpoSettings): Record<string, Metric> => {
  const { type, epsilonHigh } = settings
  if (clipped.has(type)) return clipMetrics(ratios, settings)
  const advantages = ratios.atLevel(ratios.advantages)
  if (type === 'cispo')
    return { cispo_clip_ratio: share(and(greater(ratios.ratio, epsilonHigh), greater(advantages, 0))) }
  if (type !== 'vespo') return {}
  const weights = gammaWeights(ratios.logRatio, ratios.advantages, ratios.group, settings)
  return { 'vespo/phi_seq_mean': meanMetric(weights) }
}

const clipMetrics = (ratios: Ratios, settings: GrpoSettings): Record<string, Metric> => {
  const { atLevel, group } = ratios
  const ratio = bounded(ratios.ratio, settings)
  const advantages = atLevel(ratios.advantages)
  const low = and(less(ratio, 1 - settings.epsilonLow), less(advantages, 0))
  const high = and(greater(ratio, 1 + settings.epsilonHigh), greater(advantages, 0))
  const perSequence = (hits: Tensor): Tensor =>
    settings.level === 'sequence' ? cast(hits, 'float32') : group.mean(cast(hits, 'float32'))
  const some = greater(group.lengths, 0) // a completion without tokens has no share
  const one = (x: Tensor): Metric => meanMetric(reshape(x, [1]))
  return {
    'clip_ratio/low_mean': share(low),
    'clip_ratio/high_mean': share(high),
    'clip_ratio/region_mean': share(or(low, high)),
    'clip_ratio/low_min': one(min(where(some, perSequence(low), 1))),
    'clip_ratio/high_max': one(max(where(some, perSequence(high), 0))),
  }
}

const share = (hits: Tensor): Metric => meanMetric(cast(hits, 'float32'))
