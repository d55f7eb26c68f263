import {
  type ConstantSource,
  constant,
  type FlatLayout,
  type NdArray,
  type Runtime,
  type Tensor,
  unflatten,
} from '@qilin-med/tensor'
import type { ModelConfig } from './config/types'
import { ModelsError } from './errors'
import type { TokenBatch } from './families/context'
import { type Module, modulesOf, type ParameterShape, parametersOf } from './families/modules'
import { hiddenStates, type OutputHead, outputHead, type PassOptions } from './forward'
import { type Network, network, type WeightOf } from './network'

/** A decoder with its weights, ready to be traced, trained, and run. */
export interface LanguageModel {
  readonly config: ModelConfig
  readonly runtime: Runtime
  /** Layers that hold a matrix, for adapters. */
  readonly modules: readonly Module[]
  /** Every parameter with its stored shape, for training all of them. */
  readonly parameters: readonly ParameterShape[]
  /** The weight with this checkpoint name as a constant. */
  weight(name: string): Tensor
  /** The network over the constants, with `trained` tensors in place of those whose checkpoint name they have. */
  network(trained?: Readonly<Record<string, Tensor>>): Network
  /** Hidden states [B, T, D] of whole rows, after the final norm. */
  hiddenStates(network: Network, batch: TokenBatch, options?: PassOptions): Tensor
  /** The matrix that turns hidden states into vocabulary logits. */
  outputHead(network: Network): OutputHead
}

/** Something that changes a network with parameters of its own; a LoRA adapter is one. */
export interface NetworkAdapter {
  /** Adapters with equal structures differ in their values alone, and can share a program; undefined for one of its own. */
  readonly structure?: string
  readonly layout: FlatLayout
  readonly values: Float32Array
  apply(network: Network, parameters: Readonly<Record<string, Tensor>>): Network
}

/** The network of `model`, changed by `adapter` where there is one, whose flat parameters are `values`. */
export const adaptedNetwork = (model: LanguageModel, adapter: NetworkAdapter | undefined, values: Tensor): Network => {
  const base = model.network()
  return adapter ? adapter.apply(base, unflatten(values, adapter.layout)) : base
}

/** Where a model's weights come from: a checkpoint's files, or arrays in memory. */
export type WeightSource = (name: string) => ConstantSource | NdArray | undefined

/** Options of `createModel`. */
export interface CreateModelOptions {
  /** Tables as look-ups read them, where products use them in another format; rows are widened to float32. */
  readonly table?: WeightSource
}

/**
 * A model over the given weights.
 *
 * @throws ModelsError `missing-tensor` or `wrong-shape`, naming the tensor, when a weight is asked for
 */
export const createModel = (
  config: ModelConfig,
  weights: WeightSource,
  runtime: Runtime,
  { table = weights }: CreateModelOptions = {},
): LanguageModel => {
  const parameters = parametersOf(config)
  const modules = modulesOf(config)
  const weight = constantsOf(weights, parameters)
  const rows = table === weights ? weight : constantsOf(table, parameters)
  return {
    config,
    runtime,
    modules,
    parameters,
    weight,
    network: (trained = {}) => {
      const or = (given: WeightOf) => (name: string) => trained[name] ?? given(name)
      return network(modules, or(weight), or(rows))
    },
    hiddenStates: (net, batch, options) => hiddenStates(config, net, batch, options),
    outputHead: (net) => outputHead(config, net),
  }
}

/** Constants by name, each made and checked once. */
const constantsOf = (weights: WeightSource, parameters: readonly ParameterShape[]): WeightOf => {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]))
  const constants = new Map<string, Tensor>()
  return (name) => {
    const known = constants.get(name)
    if (known) return known
    const tensor = constant(checkedWeight(weights(name), name, shapes.get(name)))
    constants.set(name, tensor)
    return tensor
  }
}

const checkedWeight = (
  source: ConstantSource | NdArray | undefined,
  name: string,
  shape: readonly number[] | undefined,
): ConstantSource | NdArray => {
  if (!source || !shape)
    throw new ModelsError(
      'missing-tensor',
      `model: expected a weight named '${name}', got none. The checkpoint is incomplete, or belongs to another architecture.`,
      { tensor: name },
    )
  if (`${source.shape}` !== `${shape}`)
    throw new ModelsError(
      'wrong-shape',
      `model: ${name} must have shape [${shape}] by the config, got [${source.shape}]. Config and weights do not belong together.`,
      { tensor: name },
    )
  return source
}
