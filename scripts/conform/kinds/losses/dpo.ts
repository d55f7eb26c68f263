import { type DpoOptions, type DpoType, dpo, type FDivergence, preferencePairs } from '@qilin-med/losses'
import { exp } from '@qilin-med/tensor'
import type { Case, Outcome } from '../../kind'
import { Comparison, evaluate, floats, ints } from './evaluate'
import { type Golden, type Numbers, openGolden } from './golden'
import { givenScores, labelled, shifted } from './tokens'

interface DpoCase {
  readonly loss: number
  readonly metrics?: Readonly<Record<string, number>>
  readonly options: {
    readonly loss_types?: readonly DpoType[]
    readonly loss_weights?: readonly number[]
    readonly beta: number
    readonly label_smoothing?: number
    readonly discopop_tau?: number
    readonly f_divergence_type?: FDivergence
    readonly f_alpha_divergence_coef?: number
    readonly use_weighting?: boolean
    readonly ld_alpha?: number
  }
}

type DpoGolden = Golden<{ readonly cases: Readonly<Record<string, DpoCase>> }>

/** Cases of `losses/dpo`. */
export const dpoCases = async (folder: string): Promise<Case[]> => {
  const golden: DpoGolden | undefined = await openGolden(folder, 'dpo')
  return Object.keys(golden?.json.cases ?? {}).map((name) => ({
    path: 'losses/dpo',
    name,
    run: () => runCase(golden!, name),
  }))
}

const runCase = async (golden: DpoGolden, name: string): Promise<Outcome> => {
  const { loss, options, metrics } = golden.json.cases[name]!
  const { policy, reference, mask } = inputsOf(golden, name)
  const rows = mask.shape[0]!
  const ours = await evaluate(
    { policy: floats(policy.data, policy.shape) },
    { ...statistics(golden), reference: floats(reference.data, reference.shape), ...lists(mask) },
    (p, given) => {
      const own = { ...given, logProbs: p.policy, sumSquaredProbs: exp(given.logSumSquared) }
      return dpo(optionsOf(options))(
        preferencePairs({
          policy: givenScores(own, given, rows),
          reference: givenScores({ logProbs: given.reference }, given, rows),
        }),
      )
    },
  )
  const comparison = new Comparison().number('loss', ours.value, loss)
  // The count of tokens runs over a whole training; what is logged depends on the batch, not on the loss.
  comparison.metrics(ours.metrics, metrics, ['num_tokens'])
  const gradient = name === 'extreme' ? 'extreme.grad' : `grad.${name}`
  if (golden.has(gradient)) comparison.array('gradient', ours.gradients.policy, golden.get(gradient), mask)
  return comparison.outcome()
}

interface Inputs {
  readonly policy: Numbers
  readonly reference: Numbers
  readonly mask: Numbers
}

const inputsOf = (golden: DpoGolden, name: string): Inputs => {
  const policy = golden.get(name === 'extreme' ? 'extreme.policy' : 'policy')
  const filled = (value: number): Numbers => ({ shape: policy.shape, data: policy.data.map(() => value) })
  if (name === 'extreme') return { policy, reference: filled(0), mask: filled(1) } // as its note says
  const mask = shifted(golden.get('completion_mask'))
  return { policy, reference: name.endsWith('/policy=ref') ? policy : golden.get('ref'), mask }
}

const statistics = (golden: DpoGolden) => {
  const array = (name: string) => floats(golden.get(name).data, golden.get(name).shape)
  return {
    entropy: array('entropy'),
    meanLogit: array('mean_logits'),
    correct: array('is_top1'),
    logSumSquared: array('log_sum_sq_probs'),
  }
}

const lists = (mask: Numbers) => {
  const { places, sequences, offsets } = labelled(mask)
  return { places: ints(places), sequences: ints(sequences), offsets: ints(offsets) }
}

const optionsOf = (options: DpoCase['options']): DpoOptions => {
  const { loss_types: types = ['sigmoid'], loss_weights: weights } = options
  return {
    type: Object.fromEntries(types.map((type, i) => [type, weights?.[i] ?? 1])),
    beta: options.beta,
    labelSmoothing: options.label_smoothing ?? 0,
    discopopTau: options.discopop_tau ?? 0.05,
    fDivergence: options.f_divergence_type ?? 'reverse_kl',
    alpha: options.f_alpha_divergence_coef ?? 0.5,
    weighting: options.use_weighting ?? false,
    ldAlpha: options.ld_alpha ?? 1,
  }
}
