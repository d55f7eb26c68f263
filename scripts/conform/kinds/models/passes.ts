import {
  allHiddenStates,
  type LanguageModel,
  type Network,
  type NetworkAdapter,
  projectToVocabulary,
} from '@qilin-med/models'
import {
  array,
  compile,
  constantSource,
  type FlatLayout,
  f32,
  flatLayout,
  flattenBy,
  greaterEqual,
  i32,
  logSoftmax,
  maximum,
  mul,
  type NdArray,
  neg,
  slice,
  squeeze,
  sum,
  type Tensor,
  takeAlongAxis,
  unflatten,
  unsqueeze,
  valueAndGrad,
  where,
} from '@qilin-med/tensor'
import type { Numbers } from './golden'

/** Rows of a padded batch; `positions` count along the row where they are not given. */
export interface Batch {
  readonly ids: Numbers
  readonly mask: Numbers
  readonly positions?: Numbers
}

const ints = ({ shape, data }: Numbers): NdArray => ({ dtype: 'int32', shape, data: Int32Array.from(data) })

/** The arguments of a pass; the mask serves as segments, in which 0 is padding. */
const inputsOf = ({ ids, mask, positions }: Batch) => {
  const width = ids.shape[1]!
  const along = { shape: ids.shape, data: ids.data.map((_, i) => i % width) }
  return { ids: ints(ids), positions: ints(positions ?? along), segments: ints(mask) }
}

const rows = i32('B', 'T')
const rowTypes = { ids: rows, positions: rows, segments: rows }
type Rows = { readonly [K in keyof typeof rowTypes]: Tensor }

const valuesOf = (adapter: NetworkAdapter | undefined): NdArray => array(adapter?.values ?? new Float32Array(1))

const networkOf = (model: LanguageModel, adapter: NetworkAdapter | undefined, parameters: Tensor): Network =>
  adapter ? adapter.apply(model.network(), unflatten(parameters, adapter.layout)) : model.network()

/** Logits [B, T, V] and the hidden states between layers, of each batch. */
export const forwardPasses = async (
  model: LanguageModel,
  batches: readonly Batch[],
  adapter?: NetworkAdapter,
): Promise<{ readonly logits: Numbers; readonly hidden: readonly Numbers[] }[]> => {
  await using program = compile(
    (batch: Rows, parameters: Tensor) => {
      const net = networkOf(model, adapter, parameters)
      const hidden = allHiddenStates(model.config, net, batch)
      return { logits: projectToVocabulary(model.outputHead(net), hidden.at(-1)!), hidden }
    },
    { runtime: model.runtime, inputs: [rowTypes, f32(adapter?.layout.size ?? 1)], name: 'forward' },
  )
  const results: { logits: Numbers; hidden: Numbers[] }[] = []
  for (const batch of batches) {
    const { logits, hidden } = await program(inputsOf(batch), valuesOf(adapter))
    results.push({ logits: logits as Numbers, hidden: hidden as unknown as Numbers[] })
  }
  return results
}

/** What a loss over labelled tokens came to. */
export interface Differentiated {
  readonly sum: number
  readonly count: number
  /** Gradients of the mean loss, by parameter name. */
  readonly gradients: ReadonlyMap<string, Numbers>
}

/**
 * Σ −log p(label) over the labels that are not −100, and the gradients of its mean: for the adapter's values, or for
 * every weight of the model.
 */
export const lossAndGradients = async (
  model: LanguageModel,
  batch: Batch,
  labels: Numbers,
  adapter?: NetworkAdapter,
): Promise<Differentiated> => {
  const layout = adapter?.layout ?? flatLayout(model.parameters)
  const values = adapter?.values ?? allWeights(model, layout)
  await using program = compile(
    (given: Rows, targets: Tensor, flat: Tensor) => {
      const [total, gradients] = valueAndGradOf(layout, flat, (parameters) => {
        const net = adapter ? adapter.apply(model.network(), parameters) : model.network(parameters)
        return summedLoss(projectToVocabulary(model.outputHead(net), model.hiddenStates(net, given)), targets)
      })
      return { total, gradients }
    },
    { runtime: model.runtime, inputs: [rowTypes, rows, f32(layout.size)], name: 'gradients' },
  )
  const results = await program(inputsOf(batch), ints(labels), array(values))
  const width = labels.shape[1]!
  const count = labels.data.filter((label, i) => i % width > 0 && label !== -100).length
  const flat = results.gradients.data as Float32Array
  const gradients = layout.entries.map(({ name, shape, offset, size }) => {
    const data = flat.slice(offset, offset + size).map((value) => value / count)
    return [name, { shape, data }] as const
  })
  return { sum: Number(results.total.data[0]), count, gradients: new Map(gradients) }
}

const valueAndGradOf = (
  layout: FlatLayout,
  flat: Tensor,
  loss: (parameters: Record<string, Tensor>) => Tensor,
): [Tensor, Tensor] => {
  const [value, gradients] = valueAndGrad(loss)(unflatten(flat, layout))
  return [value, flattenBy(gradients, layout)]
}

const summedLoss = (logits: Tensor, labels: Tensor): Tensor => {
  const targets = slice(labels, 1, 1) // [B, T − 1]: logits at t predict token t + 1
  const counted = greaterEqual(targets, 0)
  const logProbs = logSoftmax(slice(logits, 1, 0, -1))
  const chosen = squeeze(takeAlongAxis(logProbs, unsqueeze(maximum(targets, 0), -1)), -1)
  return neg(sum(where(counted, chosen, mul(chosen, 0))))
}

const allWeights = (model: LanguageModel, layout: FlatLayout): Float32Array => {
  const values = new Float32Array(layout.size)
  for (const { name, offset } of layout.entries) values.set(weightOf(model, name), offset)
  return values
}

/** A weight of the model in float32. */
export const weightOf = (model: LanguageModel, name: string): Float32Array =>
  constantSource(model.weight(name))!.read() as Float32Array
