import type { Case, Kind } from '../kind'
import { cpoOrpoCases } from './losses/cpo-orpo'
import { crossEntropyCases } from './losses/cross-entropy'
import { distillationCases } from './losses/distillation'
import { dpoCases } from './losses/dpo'
import { fusedHeadCases } from './losses/fused-head'
import { grpoCases } from './losses/grpo'
import { ktoCases } from './losses/kto'
import { rewardCases } from './losses/reward'

const kind = (name: string, cases: (golden: string) => Promise<Case[]>): Kind => ({
  prefix: `losses/${name}`,
  discover: ({ golden }) => cases(golden),
})

/** Losses on explicit tensors: values, gradients and logged metrics, in float32 on ONNX Runtime. */
export const kinds: Kind[] = [
  kind('cross_entropy', crossEntropyCases),
  kind('fused_head', fusedHeadCases),
  kind('dpo', dpoCases),
  kind('kto', ktoCases),
  kind('cpo_orpo', cpoOrpoCases),
  kind('reward', rewardCases),
  kind('grpo', grpoCases),
  kind('distillation', distillationCases),
]
