import { argMax, type Compiled, compile, f32, i32, slice, squeeze, type Tensor, type TypeTree } from '@qilin-med/tensor'
import type { ModelConfig } from '../config/types'
import type { CachedBatch, KeyValue } from '../families/context'
import { cachedHiddenStates, outputHead, projectToVocabulary } from '../forward'
import { adaptedNetwork, type LanguageModel, type NetworkAdapter } from '../model'

/** Result of a step: keys and values of the new tokens, and what may follow the last one: logits [B, V], or only their argmax [B]. */
export type StepResult<Next extends 'logits' | 'best'> = Readonly<Record<Next, Tensor>> & {
  readonly caches: readonly KeyValue[]
}

/** A program that reads new tokens after cached ones. */
type Step<Next extends 'logits' | 'best'> = Compiled<[CachedBatch, Tensor], StepResult<Next>>

/**
 * The programs of generation, each loaded at its first call: where the likeliest token is always taken, the logits of a large vocabulary
 * (a megabyte a row) never leave the runtime.
 */
export interface GenerationStep {
  readonly greedy: Step<'best'>
  readonly sampled: Step<'logits'>
  dispose(): Promise<void>
}

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
  const read = (batch: CachedBatch, parameters: Tensor): StepResult<'logits'> => {
    const net = adaptedNetwork(model, adapter, parameters)
    const { hidden, caches } = cachedHiddenStates(config, net, batch)
    const last = squeeze(slice(hidden, 1, -1), 1) // [B, D]
    return { logits: projectToVocabulary(outputHead(config, net), last), caches }
  }
  const take = (batch: CachedBatch, parameters: Tensor): StepResult<'best'> => {
    const { logits, caches } = read(batch, parameters)
    return { best: argMax(logits), caches }
  }
  const options = { runtime, inputs: [input, f32(adapter?.layout.size ?? 1)], name: 'generate' }
  const [greedy, sampled] = [compile(take, options), compile(read, options)]
  return {
    greedy,
    sampled,
    dispose: async () => {
      await greedy.dispose()
      await sampled.dispose()
    },
  }
}
