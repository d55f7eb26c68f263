import {
  add,
  arange,
  array,
  attention,
  attentionMask,
  constant,
  dropout,
  fillNormal,
  flatLayout,
  foldIn,
  gather,
  linear,
  matmul,
  type NdArray,
  type Runtime,
  randomKey,
  rmsNorm,
  squeeze,
  type Tensor,
  unsqueeze,
} from '@qilin-med/tensor'
import type { AdapterFactory, Parameters, TrainableAdapter, TrainableModel } from '../model'

/** Layers of the tiny model: a weight by name, and a linear layer that an adapter may change. */
export interface TinyNetwork {
  weight(name: string): Tensor
  linear(name: string, x: Tensor): Tensor
}

const vocabulary = 17
const width = 8
const shapes = {
  embedding: [vocabulary, width],
  positions: [32, width],
  query: [width, width],
  value: [width, width],
  norm: [width],
  head: [vocabulary, width],
} as const

/** A one-layer attention model with 17 token ids, written by hand: what training asks of a model, and no more. */
export const tinyModel = (runtime: Runtime, { seed = 1 } = {}): TrainableModel<TinyNetwork, readonly string[]> => {
  const parameters = Object.entries(shapes).map(([name, shape]) => ({ name, shape }))
  const weights = new Map(parameters.map(({ name, shape }, i) => [name, constant(randomArray(shape, seed, i))]))
  const weight = (name: string) => weights.get(name)!
  return {
    runtime,
    modules: ['query', 'value'],
    parameters,
    weight,
    network: (replaced = {}) => {
      const own = (name: string) => replaced[name] ?? weight(name)
      return { weight: own, linear: (name, x) => linear(x, own(name)) }
    },
    hiddenStates: (net, { ids, positions, segments, parents }) => {
      const x = add(gather(net.weight('embedding'), ids), gather(net.weight('positions'), positions)) // [B, T, D]
      const mask = attentionMask(arange(ids.shape[1]!), { positions, segments, ...(parents && { parents }) })
      const heads = (y: Tensor) => unsqueeze(y, 1)
      const mixed = attention(heads(net.linear('query', x)), heads(x), heads(net.linear('value', x)), mask)
      return rmsNorm(add(x, squeeze(mixed, 1)), net.weight('norm'))
    },
    outputHead: (net) => ({ weight: net.weight('head') }),
  }
}

const randomArray = (shape: readonly number[], seed: number, index: number): NdArray => {
  const size = shape.reduce((product, length) => product * length, 1)
  const data = fillNormal(foldIn(randomKey(seed), index), new Float32Array(size), 0.5)
  return array(shape.length === 1 ? data.map((value) => 1 + value) : data, { shape })
}

/** A low-rank adapter on the tiny model's two linear layers; B starts at zero. `onDropout` is told when dropout is asked for. */
export const tinyAdapter = ({
  rank = 2,
  dropout: rate = 0,
  onDropout = () => {},
} = {}): AdapterFactory<TinyNetwork, readonly string[], TrainableAdapter<TinyNetwork>> => ({
  create: (modules, { seed }) => {
    const layout = flatLayout(
      modules.flatMap((path) => [
        { name: `${path}.lora_A`, shape: [rank, width] },
        { name: `${path}.lora_B`, shape: [width, rank] },
      ]),
    )
    const values = new Float32Array(layout.size)
    layout.entries.forEach(({ name, offset, size }, i) => {
      if (name.endsWith('A')) fillNormal(foldIn(randomKey(seed), i), values.subarray(offset, offset + size), 0.5)
    })
    const apply: TrainableAdapter<TinyNetwork>['apply'] = (net, parameters, { dropoutKey } = {}) => {
      if (dropoutKey) onDropout()
      return adapted(net, parameters, (name, x) => (dropoutKey ? dropout(x, rate, dropoutKey(name)) : x))
    }
    return { config: { dropout: rate }, layout, values, apply }
  },
})

const adapted = (
  net: TinyNetwork,
  parameters: Parameters,
  dropped: (name: string, x: Tensor) => Tensor,
): TinyNetwork => ({
  ...net,
  linear: (name, x) => {
    const low = matmul(dropped(name, x), parameters[`${name}.lora_A`]!, { transposeB: true })
    return add(net.linear(name, x), matmul(low, parameters[`${name}.lora_B`]!, { transposeB: true }))
  },
})

/** Rows over the tiny vocabulary: `length` tokens that step by 3, the first `prompt` of them without label. */
export const tinyRows = (count: number): { inputIds: number[]; labels: number[] }[] =>
  Array.from({ length: count }, (_, i) => {
    const inputIds = Array.from({ length: 4 + (i % 5) }, (_, t) => (i + 3 * t) % vocabulary)
    return { inputIds, labels: inputIds.map((id, t) => (t < i % 3 ? -100 : id)) }
  })

/** Pairs over the tiny vocabulary: chosen completions count up, rejected ones down. */
export const tinyPairs = (count: number): { promptIds: number[]; chosenIds: number[]; rejectedIds: number[] }[] =>
  Array.from({ length: count }, (_, i) => ({
    promptIds: Array.from({ length: 1 + (i % 3) }, (_, t) => (i + t) % vocabulary),
    chosenIds: Array.from({ length: 2 + (i % 2) }, (_, t) => (i + 3 + t) % vocabulary),
    rejectedIds: Array.from({ length: 1 + (i % 4) }, (_, t) => (i + 30 - t) % vocabulary),
  }))
