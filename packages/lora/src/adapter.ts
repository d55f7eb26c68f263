import type { Module, Network } from '@qilin-med/models'
import type { FlatLayout, Tensor } from '@qilin-med/tensor'
import { type ApplyOptions, adapted } from './apply'
import { type LoraConfig, type LoraOptions, resolveOptions } from './config'
import { LoraError } from './errors'
import { type InitialOptions, initialValues } from './initial'
import { adapterLayout } from './layout'
import { selectModules } from './targets'

/** An adapter: what it attaches to, and its weights in one flat buffer. Plain data; `lora` makes it. */
export interface LoraAdapter {
  readonly config: LoraConfig
  /** Modules with a low-rank change or a full copy, in model order. */
  readonly modules: readonly Module[]
  /** Equal for adapters that differ in their values alone, which can then share programs. */
  readonly structure: string
  /** Entries such as `<path>.lora_A.weight` [rank, in] and `<path>.lora_B.weight` [out, rank], module by module. */
  readonly layout: FlatLayout
  readonly values: Float32Array
  /** The network with this adapter; `parameters` are the tensors of `layout`, by name. */
  apply(network: Network, parameters: Readonly<Record<string, Tensor>>, options?: ApplyOptions): Network
}

/** Makes an adapter for a model's modules; what `train` takes as `adapter`. */
export interface AdapterFactory {
  readonly config: LoraConfig
  /** @throws LoraError `targets` when nothing matches, `options` when weights are needed and not given */
  create(modules: readonly Module[], options: InitialOptions): LoraAdapter
}

/**
 * A LoRA adapter to be trained (Hu et al. 2021): `lora({ rank: 8, alpha: 32, targetModules: 'all-linear' })`.
 *
 * @throws LoraError `options` naming the option and its range
 */
export const lora = (options: LoraOptions): AdapterFactory => {
  const config = resolveOptions(options)
  return {
    config,
    create: (all, initial) => {
      const modules = selectModules(all, config)
      return adapterFrom(config, modules, initialValues(config, modules, adapterLayout(config, modules), initial))
    },
  }
}

/** An adapter with the given weights. @throws LoraError `mismatch` when their number does not fit the layout */
export const adapterFrom = (config: LoraConfig, modules: readonly Module[], values: Float32Array): LoraAdapter => {
  const layout = adapterLayout(config, modules)
  if (values.length !== layout.size)
    throw new LoraError(
      'mismatch',
      `adapter: expected ${layout.size} weights for these modules, got ${values.length}. Use the config the weights were made with.`,
    )
  return {
    config,
    modules,
    structure: structureOf(config, layout),
    layout,
    values,
    apply: (network, parameters, options) => adapted(config, modules, network, parameters, options),
  }
}

/** Everything that decides how the adapter enters the network; how it began and what it drops in training do not. */
const structureOf = ({ init: _, dropout: __, ...config }: LoraConfig, layout: FlatLayout): string =>
  JSON.stringify([config, layout.entries])
