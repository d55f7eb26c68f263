import { add, checkpoint, div, matmul, maximum, mul, sqrt, square, sum, type Tensor, tanh } from '@qilin-med/tensor'
import type { ModelConfig } from './config/types'
import {
  type CachedBatch,
  cachedContext,
  type DecoderBatch,
  decoderContext,
  type KeyValue,
  type LayerContext,
  rowContext,
  type TokenBatch,
} from './families/context'
import { decoderLayer, norm } from './families/decoder'
import { gpt2Layer, gpt2Norm } from './families/gpt2'
import { type Network, widened } from './network'

const embed = (config: ModelConfig, net: Network, ids: Tensor, positions: Tensor): Tensor => {
  if (config.positions === 'learned')
    return add(net.embedding('transformer.wte', ids), net.embedding('transformer.wpe', positions))
  return mul(net.embedding('model.embed_tokens', ids), config.embeddingScale)
}

const finalNorm = (config: ModelConfig, net: Network, x: Tensor): Tensor =>
  config.family === 'gpt2' ? gpt2Norm(config, net, 'transformer.ln_f', x) : norm(config, net, 'model.norm', x)

const runLayers = (
  config: ModelConfig,
  net: Network,
  start: Tensor,
  context: LayerContext,
  past: readonly KeyValue[] = [],
  seen: (x: Tensor) => void = () => {},
): { x: Tensor; caches: KeyValue[] } => {
  const layerOf = config.family === 'gpt2' ? gpt2Layer : decoderLayer
  const caches: KeyValue[] = []
  let x = start
  for (let layer = 0; layer < config.layers; layer++) {
    seen(x)
    const result = layerOf(config, net, layer, x, context, past[layer])
    x = result.x
    caches.push(result.cache)
  }
  return { x, caches }
}

/** How a pass over whole rows is traced. */
export interface PassOptions {
  /**
   * Keep nothing of a layer but its input and compute it again in the backward pass: less memory, about one more forward
   * pass of time. Default false.
   */
  readonly recompute?: boolean
  /** Blocks of queries that attention is cut into, default 4; see `AttentionOptions` of `@qilin-med/tensor`. */
  readonly attentionBlocks?: number
}

/** Hidden states [B, T, D] of whole rows, after the final norm: what the output head reads. */
export const hiddenStates = (
  config: ModelConfig,
  net: Network,
  batch: TokenBatch,
  { recompute = false, attentionBlocks }: PassOptions = {},
): Tensor => {
  const x = embed(config, net, batch.ids, batch.positions)
  const context = rowContext(config, batch, attentionBlocks)
  const last = recompute ? recomputedLayers(config, net, x, context) : runLayers(config, net, x, context).x
  return finalNorm(config, net, last)
}

const recomputedLayers = (config: ModelConfig, net: Network, start: Tensor, context: LayerContext): Tensor => {
  const layerOf = config.family === 'gpt2' ? gpt2Layer : decoderLayer
  let x = start
  for (let layer = 0; layer < config.layers; layer++)
    x = checkpoint((input) => layerOf(config, net, layer, input, context).x)(x)[0]!
  return x
}

/**
 * Hidden states before each layer and, last, after the final norm: `layers + 1` tensors [B, T, D], as
 * `output_hidden_states` of transformers gives them.
 */
export const allHiddenStates = (config: ModelConfig, net: Network, batch: TokenBatch): Tensor[] => {
  const states: Tensor[] = []
  const start = embed(config, net, batch.ids, batch.positions)
  const { x } = runLayers(config, net, start, rowContext(config, batch), [], (state) => states.push(state))
  return [...states, finalNorm(config, net, x)]
}

/** Hidden states of new tokens that also see cached ones, and the keys and values of the new tokens alone. */
export const cachedHiddenStates = (
  config: ModelConfig,
  net: Network,
  batch: CachedBatch,
): { readonly hidden: Tensor; readonly caches: readonly KeyValue[] } => {
  const start = embed(config, net, batch.ids, batch.positions)
  const { x, caches } = runLayers(config, net, start, cachedContext(config, batch), batch.past)
  return { hidden: finalNorm(config, net, x), caches }
}

/** Hidden states of new tokens that follow earlier ones, and the keys and values of both. */
export const decoderHiddenStates = (
  config: ModelConfig,
  net: Network,
  batch: DecoderBatch,
): { readonly hidden: Tensor; readonly caches: readonly KeyValue[] } => {
  const { positions, context } = decoderContext(config, batch)
  const { x, caches } = runLayers(config, net, embed(config, net, batch.ids, positions), context, batch.past)
  return { hidden: finalNorm(config, net, x), caches }
}

/** The matrix that turns hidden states into vocabulary logits. */
export interface OutputHead {
  /** [V, D] */
  readonly weight: Tensor
  /** c in c·tanh(logit/c); undefined for none. */
  readonly softcap: number | undefined
}

/** Name of the output head's matrix: its own, or the embedding table. */
export const headName = ({ tiedEmbeddings, family }: ModelConfig): string => {
  if (!tiedEmbeddings) return 'lm_head.weight'
  return family === 'gpt2' ? 'transformer.wte.weight' : 'model.embed_tokens.weight'
}

/** Output head of the model: its own matrix or the embedding, rows normalised where the model asks for it. */
export const outputHead = (config: ModelConfig, net: Network): OutputHead => {
  const weight = net.parameter(headName(config))
  return {
    weight: config.normalizedHead ? unitRows(weight) : weight,
    softcap: config.softcaps.logits,
  }
}

const unitRows = (weight: Tensor): Tensor =>
  div(weight, maximum(sqrt(sum(square(weight), { axes: -1, keepAxes: true })), 1e-12))

/** Vocabulary logits [..., V] of hidden states [..., D]. */
export const projectToVocabulary = ({ weight, softcap }: OutputHead, hidden: Tensor): Tensor => {
  const logits = matmul(hidden, widened(weight, hidden), { transposeB: true })
  return softcap === undefined ? logits : mul(tanh(mul(logits, 1 / softcap)), softcap)
}
