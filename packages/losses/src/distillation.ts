import { sum } from '@qilin-med/tensor'
import { count, meanMetric } from './reductions'
import type { LossResult } from './types'
import { checkDivergence } from './vocabulary/divergence'
import { type LinearDivergenceOptions, linearDivergence, type Projection } from './vocabulary/linear-divergence'

/** The same labelled positions under a student and a teacher. */
export interface StudentAndTeacher {
  readonly student: Projection
  /** Gets no gradient. */
  readonly teacher: Projection
}

/** A loss on the predictions of two models. Any function of this form will do. */
export interface DistillationLoss {
  (models: StudentAndTeacher): LossResult
  readonly kind?: 'distillation'
}

/** Options of `distillation`. */
export interface DistillationOptions extends LinearDivergenceOptions {
  /** Log the entropy of the student; default true. */
  readonly metrics?: boolean
}

/**
 * Distillation of a teacher's predictions into a student: mean over tokens of the generalised Jensen–Shannon divergence.
 * Logs `entropy` of the student.
 *
 * @throws LossError for options outside their range
 * @see TRL 1.16 `trl/trainer/distillation_trainer.py`, `trl/experimental/gkd/gkd_trainer.py` (reduction `batchmean`)
 * @see Agarwal et al. 2023 (GKD), eq. 1, https://arxiv.org/abs/2306.13649
 */
export const distillation = ({ metrics = true, ...options }: DistillationOptions = {}): DistillationLoss => {
  checkDivergence('distillation', options)
  const loss = ({ student, teacher }: StudentAndTeacher): LossResult => {
    const { divergence, entropy } = linearDivergence(student, teacher, options)
    return {
      sum: sum(divergence),
      weight: count(divergence.shape[0]!),
      metrics: metrics ? { entropy: meanMetric(entropy()) } : {},
    }
  }
  return Object.assign(loss, { kind: 'distillation' as const })
}
