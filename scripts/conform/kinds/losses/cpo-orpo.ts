import {
  type CpoOptions,
  type CpoType,
  cpo,
  logitTokenScores,
  orpo,
  type PreferenceLoss,
  preferencePairs,
} from '@qilin-med/losses'
import { gather, reshape } from '@qilin-med/tensor'
import type { Case, Outcome } from '../../kind'
import { Comparison, evaluate, floats, ints } from './evaluate'
import { type Golden, openGolden } from './golden'

interface CpoCase {
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
  readonly options: {
    readonly beta: number
    readonly loss_type?: CpoType
    readonly label_smoothing?: number
    readonly cpo_alpha?: number
    readonly simpo_gamma?: number
    readonly alpha?: number
  }
}

type CpoGolden = Golden<{ readonly cases: Readonly<Record<string, CpoCase>> }>

/** Cases of `losses/cpo_orpo`, from logits. */
export const cpoOrpoCases = async (folder: string): Promise<Case[]> => {
  const golden: CpoGolden | undefined = await openGolden(folder, 'cpo_orpo')
  return Object.keys(golden?.json.cases ?? {}).map((name) => ({
    path: 'losses/cpo_orpo',
    name,
    run: () => runCase(golden!, name),
  }))
}

/** TRL's CPO and ORPO average logits over prompt and padding too; ours over the completion, as its DPO does. */
const otherwiseDefined = ['logits/chosen', 'logits/rejected']

const runCase = async (golden: CpoGolden, name: string): Promise<Outcome> => {
  const { loss, metrics, options } = golden.json.cases[name]!
  const logits = golden.get('logits')
  const [rows, , words] = logits.shape as [number, number, number]
  const evaluated = await evaluate({ logits: floats(logits.data, logits.shape) }, tokensOf(golden), (p, given) => {
    const picked = gather(reshape(p.logits, [-1, words]), given.places)
    const policy = logitTokenScores(picked, given.targets, {
      sequences: given.sequences,
      sequenceCount: (rows / 2) * 3,
    })
    return lossOf(options)(preferencePairs({ policy, prompts: true }))
  })
  return new Comparison()
    .number('loss', evaluated.value, loss)
    .metrics(evaluated.metrics, options.cpo_alpha === 0 ? without(metrics, 'nll_loss') : metrics, otherwiseDefined)
    .array('gradient', evaluated.gradients.logits, golden.get(`grad.${name}`))
    .outcome()
}

/** TRL logs a cross-entropy of 0 where it has no weight; ours is not computed then. */
const without = (metrics: Readonly<Record<string, number>>, name: string): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).filter(([key]) => key !== name))

/** ORPO's options have no type of loss. */
const lossOf = (options: CpoCase['options']): PreferenceLoss => {
  if (options.loss_type === undefined) return orpo({ beta: options.beta, nll: 'sequence' })
  const given: CpoOptions = {
    type: options.loss_type,
    beta: options.beta,
    labelSmoothing: options.label_smoothing ?? 0,
    nllWeight: options.cpo_alpha ?? 1,
    gamma: options.simpo_gamma ?? 0.5,
    alpha: options.alpha ?? 0,
  }
  return cpo(given)
}

/** Tokens of chosen completions, rejected completions, and the prompts of the chosen ones as a third group. */
const tokensOf = (golden: CpoGolden) => {
  const [labels, ids, attention] = [golden.get('labels'), golden.get('input_ids'), golden.get('attention_mask')]
  const [rows, width] = ids.shape as [number, number]
  const tokens: { place: number; target: number; sequence: number }[] = []
  for (let row = 0; row < rows; row++)
    for (let column = 1; column < width; column++) {
      const at = row * width + column
      const labelled = labels.data[at]! >= 0
      const prompt = !labelled && attention.data[at] === 1 && row < rows / 2
      if (labelled || prompt) tokens.push({ place: at - 1, target: ids.data[at]!, sequence: prompt ? rows + row : row })
    }
  return {
    places: ints(tokens.map(({ place }) => place)),
    targets: ints(tokens.map(({ target }) => target)),
    sequences: ints(tokens.map(({ sequence }) => sequence)),
  }
}
