import { add, after, cast, constantSource, gather, linear, matmul, type Tensor } from '@qilin-med/tensor'
import { ModelsError } from './errors'
import type { Module } from './families/modules'

/**
 * The layers of a model as functions of their path. A forward pass is written against this, so that adapters and
 * quantised weights change what a layer does without the pass knowing.
 */
export interface Network {
  /** Output [..., out] of the linear layer at `path` for x [..., in]. */
  linear(path: string, x: Tensor): Tensor
  /** Outputs of several linear layers for the same x, where they can share work; see `linears`. */
  linears?(paths: readonly string[], x: Tensor): Tensor[]
  /** Rows of the embedding table at `path`. */
  embedding(path: string, ids: Tensor): Tensor
  /** A parameter that belongs to no linear layer or table, such as the weight of a norm. */
  parameter(name: string): Tensor
}

/** Outputs of the linear layers at `paths` for the same x: by what the network has for that, or one by one. */
export const linears = (net: Network, paths: readonly string[], x: Tensor): Tensor[] =>
  net.linears?.(paths, x) ?? paths.map((path) => net.linear(path, x))

/** Tensor with a checkpoint name. */
export type WeightOf = (name: string) => Tensor

/**
 * The plain network over the given weights.
 *
 * @param table tables as look-ups read them, where that is not how products do
 */
export const network = (modules: readonly Module[], weight: WeightOf, table: WeightOf = weight): Network => {
  const byPath = new Map(modules.map((module) => [module.path, module]))
  return {
    linear: (path, x) => {
      const module = byPath.get(path)
      if (!module) throw new ModelsError('unknown-module', `linear: expected a layer of the model, got '${path}'.`)
      const w = widened(weight(`${path}.weight`), x)
      const bias = module.bias ? weight(`${path}.bias`) : undefined
      if (module.kind !== 'conv1d') return linear(x, w, bias)
      return bias ? add(matmul(x, w), bias) : matmul(x, w) // GPT-2 stores [in, out]
    },
    embedding: (path, ids) => cast(gather(table(`${path}.weight`), ids), 'float32'),
    parameter: weight,
  }
}

/** A weight in float32. Widening waits for `signal`, or a wide copy of the stored weight would be kept in memory. */
export const widened = (weight: Tensor, signal: Tensor): Tensor =>
  weight.dtype === 'float32' ? weight : cast(constantSource(weight) ? after(weight, signal) : weight, 'float32')
