import { type GrpoOptions, type GrpoType, grpo } from '@qilin-med/losses'
import { gather, reshape, type Tensor } from '@qilin-med/tensor'
import type { Case, Outcome } from '../../kind'
import { Comparison, evaluate, floats, ints } from './evaluate'
import { type Golden, openGolden } from './golden'
import { givenScores, labelled } from './tokens'

interface GrpoCase {
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
  readonly options: {
    readonly loss_type: GrpoType
    readonly level: 'token' | 'sequence'
    readonly beta: number
    readonly delta: number | null
    readonly old: boolean
    readonly accumulation: number
    readonly epsilon_low: number
    readonly epsilon_high: number
    readonly max_completion_length: number
    readonly num_items_in_batch: number
    readonly bias_correction?: boolean
    readonly quantile?: number
    readonly entropy_coef?: number
    readonly opsm?: number
  }
}

interface OtherOptions {
  readonly sapo_temperature_pos: number
  readonly sapo_temperature_neg: number
  readonly vespo_k_pos: number
  readonly vespo_lambda_pos: number
  readonly vespo_k_neg: number
  readonly vespo_lambda_neg: number
}

type GrpoGolden = Golden<{
  readonly cases: Readonly<Record<string, GrpoCase>>
  readonly other_options: OtherOptions
}>

/** Cases of `losses/grpo`. */
export const grpoCases = async (folder: string): Promise<Case[]> => {
  const golden: GrpoGolden | undefined = await openGolden(folder, 'grpo')
  return Object.keys(golden?.json.cases ?? {}).map((name) => ({
    path: 'losses/grpo',
    name,
    run: () => runCase(golden!, name),
  }))
}

const runCase = async (golden: GrpoGolden, name: string): Promise<Outcome> => {
  const { loss, metrics, options } = golden.json.cases[name]!
  const array = (key: string) => floats(golden.get(key).data, golden.get(key).shape)
  const mask = golden.get('mask')
  const { places, sequences, offsets } = labelled(mask)
  if (options.num_items_in_batch !== places.length) throw new Error('num_items_in_batch is not the number of tokens')
  const inputs = {
    old: array('old'),
    reference: array('ref'),
    entropy: array('entropy'),
    advantages: array('advantages'),
    places: ints(places),
    sequences: ints(sequences),
    offsets: ints(offsets),
  }
  const evaluated = await evaluate({ policy: array('policy') }, inputs, (p, given) => {
    const pick = (values: Tensor): Tensor => gather(reshape(values, [-1]), given.places)
    return grpo(optionsOf(options, golden.json.other_options))({
      policy: givenScores({ logProbs: p.policy, entropy: given.entropy }, given, mask.shape[0]!),
      advantages: given.advantages,
      ...(options.old && { old: pick(given.old) }),
      reference: pick(given.reference),
    })
  })
  // The loop divides a step by its micro-batches; TRL does so inside the loss.
  const share = 1 / options.accumulation
  const gradient = evaluated.gradients.policy
  return new Comparison()
    .number('loss', evaluated.value * share, loss)
    .metrics(evaluated.metrics, metrics)
    .array('gradient', { ...gradient, data: gradient.data.map((x) => x * share) }, golden.get(`grad.${name}`), mask)
    .outcome()
}

const optionsOf = (options: GrpoCase['options'], other: OtherOptions): GrpoOptions => ({
  type: options.loss_type,
  level: options.level,
  beta: options.beta,
  epsilonLow: options.epsilon_low,
  epsilonHigh: options.epsilon_high,
  maxCompletionLength: options.max_completion_length,
  unbiasedKl: options.bias_correction ?? false,
  topEntropyShare: options.quantile ?? 1,
  entropyWeight: options.entropy_coef ?? 0,
  sapoTemperature: { winning: other.sapo_temperature_pos, losing: other.sapo_temperature_neg },
  vespo: {
    winning: { k: other.vespo_k_pos, lambda: other.vespo_lambda_pos },
    losing: { k: other.vespo_k_neg, lambda: other.vespo_lambda_neg },
  },
  ...(options.delta !== null && { delta: options.delta }),
  ...(options.opsm !== undefined && { offPolicyThreshold: options.opsm }),
})
