import { linearTokenScores, logitTokenScores, type SftOptions, sft, type TokenScores } from '@qilin-med/losses'
import { constant, gather, type NdArray, reshape, type Tensor } from '@qilin-med/tensor'
import type { Case, Outcome } from '../../kind'
import { Comparison, compute, evaluate, floats, identity, ints, type Tensors } from './evaluate'
import { type Golden, type Numbers, openGolden } from './golden'

interface CrossEntropyJson {
  readonly options: { readonly label_smoothing: number; readonly z: number }
  readonly no_valid_token: { readonly trl_sft: number }
  readonly entropy_per_token_mean: number
  readonly token_accuracy: number
  readonly extreme: number
  /** Loss by name of the case. */
  readonly [value: string]: unknown
}

type CrossEntropyGolden = Golden<CrossEntropyJson>

/** Cases of `losses/cross_entropy`; each runs from logits and through the fused head. */
export const crossEntropyCases = async (folder: string): Promise<Case[]> => {
  const golden: CrossEntropyGolden | undefined = await openGolden(folder, 'cross_entropy')
  if (!golden) return []
  const entry = (name: string, run: () => Promise<Outcome>): Case => ({ path: 'losses/cross_entropy', name, run })
  const losses = Object.keys(golden.json).filter((name) => golden.has(`grad.${name}`))
  return [
    ...losses.map((name) => entry(name, () => runLoss(golden, name))),
    entry('token statistics', () => runStatistics(golden)),
    entry('extreme', () => runExtreme(golden)),
    entry('no_valid_token', () => runEmpty(golden)),
  ]
}

const runLoss = async (golden: CrossEntropyGolden, name: string): Promise<Outcome> => {
  const items = /num_items_(\d+)$/.exec(name)?.[1] // the divisor, where the case names one
  const loss = sft(optionsOf(name, golden.json.options))
  const comparison = new Comparison()
  for (const scoring of scorings) {
    const ours = await evaluateBatch(scoring, golden.get('logits'), golden.get('labels'), (scores) => {
      const result = loss(scores)
      return items === undefined ? result : { ...result, weight: constant(Number(items)) }
    })
    comparison.number('loss', ours.value, golden.json[name] as number)
    comparison.array('gradient', ours.gradients.logits, golden.get(`grad.${name}`))
    comparison.number('entropy', ours.metrics.entropy, golden.json.entropy_per_token_mean)
    comparison.number('accuracy', ours.metrics.mean_token_accuracy, golden.json.token_accuracy)
  }
  return comparison.outcome()
}

const optionsOf = (name: string, { label_smoothing, z }: CrossEntropyJson['options']): SftOptions => {
  if (name.startsWith('label_smoothing')) return { labelSmoothing: label_smoothing }
  if (name === 'sequence_mean') return { reduction: 'sequence-mean' }
  if (name === 'sum') return { reduction: 'sum' }
  if (name === 'z_loss') return { zLoss: z }
  if (name === 'dft') return { dft: true }
  if (name === 'mean' || name.startsWith('num_items_')) return {}
  throw new Error(`unknown reduction ${name}`)
}

/** How scores come from the logits of labelled positions. */
type Scoring = (logits: Tensor, targets: Tensor, options: Parameters<typeof logitTokenScores>[2]) => TokenScores

const scorings: readonly Scoring[] = [
  logitTokenScores,
  (logits, targets, options) => {
    const weight = constant(identity(logits.shape[1] as number))
    return linearTokenScores(logits, { weight }, targets, { ...options, chunk: 5 })
  },
]

const evaluateBatch = (
  score: Scoring,
  logits: Numbers,
  labels: Numbers,
  loss: (scores: TokenScores) => ReturnType<ReturnType<typeof sft>>,
) =>
  evaluate({ logits: floats(logits.data, logits.shape) }, positions(labels), (p, given) =>
    loss(scoresAt(score, p.logits, given, logits.shape[0]!)),
  )

const scoresAt = (score: Scoring, logits: Tensor, given: Tensors<Positions>, sequenceCount: number): TokenScores => {
  const { places, targets, sequences, offsets } = given
  const picked = gather(reshape(logits, [-1, logits.shape.at(-1)!]), places)
  return score(picked, targets, { sequences, offsets, sequenceCount })
}

type Positions = Readonly<Record<'places' | 'targets' | 'sequences' | 'offsets', NdArray>>

/** Labelled tokens as a training step receives them: position t predicts the label at t+1. */
const positions = ({ shape, data }: Numbers): Positions => {
  const width = shape[1]!
  const tokens = Array.from(data, (label, i) => ({ label, row: Math.floor(i / width), column: i % width })).filter(
    ({ label, column }) => label >= 0 && column > 0,
  )
  return {
    places: ints(tokens.map(({ row, column }) => row * width + column - 1)),
    targets: ints(tokens.map(({ label }) => label)),
    sequences: ints(tokens.map(({ row }) => row)),
    offsets: ints(tokens.map(({ row }, i) => i - tokens.findIndex((token) => token.row === row))),
  }
}

const runStatistics = async (golden: CrossEntropyGolden): Promise<Outcome> => {
  const [logits, labels] = [golden.get('logits'), golden.get('labels')]
  const given = positions(labels)
  const width = labels.shape[1]!
  const comparison = new Comparison()
  for (const score of scorings) {
    const ours = await compute({ logits: floats(logits.data, logits.shape), ...given }, (all) => {
      const scores = scoresAt(score, all.logits, all, logits.shape[0]!)
      return { logProbs: scores.logProbs, entropy: scores.entropy() }
    })
    ;(given.places.data as Int32Array).forEach((place, i) => {
      const row = Math.floor(place / width) // token_logps has one column less, because nothing follows the last token
      comparison.number('token_logps', ours.logProbs.data[i], golden.get('token_logps').data[place - row]!)
      comparison.number('entropy', ours.entropy.data[i], golden.get('entropy').data[place]!)
    })
  }
  return comparison.outcome()
}

const runExtreme = async (golden: CrossEntropyGolden): Promise<Outcome> => {
  const comparison = new Comparison()
  for (const scoring of scorings) {
    const ours = await evaluateBatch(scoring, golden.get('extreme.logits'), golden.get('extreme.labels'), sft())
    comparison.number('loss', ours.value, golden.json.extreme)
    comparison.array('gradient', ours.gradients.logits, golden.get('extreme.grad'))
  }
  return comparison.outcome()
}

const runEmpty = async (golden: CrossEntropyGolden): Promise<Outcome> => {
  const logits = golden.get('extreme.logits')
  const labels = { ...golden.get('extreme.labels'), data: golden.get('extreme.labels').data.map(() => -100) }
  const comparison = new Comparison()
  for (const scoring of scorings) {
    const ours = await evaluateBatch(scoring, logits, labels, (scores) => ({ ...sft()(scores), weight: constant(1) }))
    comparison.number('loss', ours.value, golden.json.no_valid_token.trl_sft)
    comparison.array('gradient', ours.gradients.logits, { ...logits, data: logits.data.map(() => 0) })
  }
  return comparison.outcome()
}
