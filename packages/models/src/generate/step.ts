import {
  argMax,
  type Compiled,
  compile,
  f32,
  i32,
  slice,
  squeeze,
  type Tensor,
  type TypeTree,
  unflatten,
} from '@qilin-med/tensor'
import type { ModelConfig } from '../config/types'
import type { CachedBatch, KeyValue } from '../families/context'
import { cachedHiddenStates, outputHead, projectToVocabulary } from '../forward'
import type { LanguageModel, NetworkAdapter } from '../model'

/** Result of one generation step: logits [B, V] after the last token, their argmax [B], keys and values of the new tokens. */
export interface StepResult {
  readonly logits: Tensor
  readonly best: Tensor
  readonly caches: readonly KeyValue[]
}

/** A program that reads new tokens after cached ones. */
export type GenerationStep = Compiled<[CachedBatch, Tensor], StepResult>

/** Types of the earlier tokens' part of a cached batch, for `rows` rows (`1` where all rows of the batch share it). */
export const pastTypes = (config: ModelConfig, rows: string | number) => {
  const cache = f32(rows, config.keyValueHeads, 'P', config.headSize)
  return {
    pastPositions: i32(rows, 'P'),
    pastValid: i32(rows, 'P'),
    past: Array.from({ length: config.layers }, () => ({ key: cache, value: cache })),
  }
}

/** The generation step of `model`, with an adapter whose flat parameters are the second argument. */
export const generationStep = (model: LanguageModel, adapter: NetworkAdapter | undefined): GenerationStep => {
  const { config, runtime } = model
  const fresh = i32('B', 'T')
  const input: TypeTree = { ids: fresh, positions: fresh, segments: fresh, ...pastTypes(config, 'B') }
  const step = (batch: CachedBatch, parameters: Tensor): StepResult => {
    const base = model.network()
    const net = adapter ? adapter.apply(base, unflatten(parameters, adapter.layout)) : base
    const { hidden, caches } = cachedHiddenStates(config, net, batch)
    const last = squeeze(slice(hidden, 1, -1), 1) // [B, D]
    const logits = projectToVocabulary(outputHead(config, net), last)
    return { logits, best: argMax(logits), caches }
  }
  return compile(step, { runtime, inputs: [input, f32(adapter?.layout.size ?? 1)], name: 'generate' })
}
