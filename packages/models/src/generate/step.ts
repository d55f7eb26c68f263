import {
  addDims,
  argMax,
  type Compiled,
  compile,
  dimension,
  f32,
  i32,
  type NdArray,
  slice,
  squeeze,
  type Tensor,
  type TypeTree,
  unflatten,
} from '@qilin-med/tensor'
import type { KeyValue } from '../families/context'
import { cachedHiddenStates, outputHead, projectToVocabulary } from '../forward'
import type { LanguageModel, NetworkAdapter } from '../model'

/** Arguments of one generation step. P earlier tokens, T new ones. */
interface StepInput {
  /** [B, T] */
  readonly ids: Tensor
  /** [B, T] */
  readonly positions: Tensor
  /** [B, P + T] */
  readonly keyPositions: Tensor
  /** [B, P + T] */
  readonly keyValid: Tensor
  readonly past: readonly KeyValue[]
}

/** Result of one generation step: logits [B, V] after the last token, their argmax [B], and the grown caches. */
export interface StepResult<T> {
  readonly logits: T
  readonly best: T
  readonly caches: readonly { readonly key: T; readonly value: T }[]
}

/** A program that reads new tokens after cached ones; the first call has a cache of length 0. */
export type GenerationStep = Compiled<[StepInput, Tensor], StepResult<Tensor>>

/** The generation step of `model`, with an adapter whose flat parameters are the second argument. */
export const generationStep = (model: LanguageModel, adapter: NetworkAdapter | undefined): GenerationStep => {
  const { config, runtime } = model
  const keys = addDims(dimension('P'), dimension('T'))
  const cache = f32('B', config.keyValueHeads, 'P', config.headSize)
  const input: TypeTree = {
    ids: i32('B', 'T'),
    positions: i32('B', 'T'),
    keyPositions: i32('B', keys),
    keyValid: i32('B', keys),
    past: Array.from({ length: config.layers }, () => ({ key: cache, value: cache })),
  }
  const step = (batch: StepInput, parameters: Tensor): StepResult<Tensor> => {
    const base = model.network()
    const net = adapter ? adapter.apply(base, unflatten(parameters, adapter.layout)) : base
    const { hidden, caches } = cachedHiddenStates(config, net, batch)
    const last = squeeze(slice(hidden, 1, -1), 1) // [B, D]
    const logits = projectToVocabulary(outputHead(config, net), last)
    return { logits, best: argMax(logits), caches }
  }
  return compile(step, { runtime, inputs: [input, f32(adapter?.layout.size ?? 1)], name: 'generate' })
}

/** Empty caches for `rows` rows. */
export const emptyCaches = ({ config }: LanguageModel, rows: number): { key: NdArray; value: NdArray }[] =>
  Array.from({ length: config.layers }, () => {
    const shape = [rows, config.keyValueHeads, 0, config.headSize]
    const empty: NdArray = { dtype: 'float32', shape, data: new Float32Array(0) }
    return { key: empty, value: empty }
  })
