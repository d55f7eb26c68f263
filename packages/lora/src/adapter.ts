import type { Module, Network } from '@qilin-med/models'
import {
  add,
  dropout,
  type FlatLayout,
  fillNormal,
  fillUniform,
  flatLayout,
  foldIn,
  matmul,
  randomKey,
  type Tensor,
} from '@qilin-med/tensor'
import { type LoraConfig, type LoraOptions, resolveOptions, scalingOf } from './config'
import { LoraError } from './errors'
import { selectModules } from './targets'

/** An adapter: what it attaches to, and its weights in one flat buffer. Plain data; `lora` makes it. */
export interface LoraAdapter {
  readonly config: LoraConfig
  readonly modules: readonly Module[]
  /** Entries named `<path>.lora_A.weight` [rank, in] and `<path>.lora_B.weight` [out, rank], module by module. */
  readonly layout: FlatLayout
  readonly values: Float32Array
  /** The network with this adapter; `parameters` are the tensors of `layout`, by name. */
  apply(network: Network, parameters: Readonly<Record<string, Tensor>>, options?: ApplyOptions): Network
}

/** How an adapter is applied. */
export interface ApplyOptions {
  /** Key of this step's dropout masks, int64 [2]; without it nothing is dropped, as in evaluation and DPO. */
  readonly dropoutKey?: (path: string) => Tensor
}

/** Makes an adapter for a model's modules; what `train` takes as `adapter`. */
export interface AdapterFactory {
  readonly config: LoraConfig
  create(modules: readonly Module[], options: { readonly seed: number }): LoraAdapter
}

/** A LoRA adapter to be trained: `lora({ rank: 8, alpha: 32, targetModules: 'all-linear' })`. */
export const lora = (options: LoraOptions): AdapterFactory => {
  const config = resolveOptions(options)
  return { config, create: (modules, { seed }) => createAdapter(config, modules, seed) }
}

/** The layout of an adapter's weights: A and B of each module, in model order. */
export const adapterLayout = (config: LoraConfig, modules: readonly Module[]): FlatLayout =>
  flatLayout(
    modules.flatMap(({ path, inFeatures, outFeatures }) => {
      const { rank } = scalingOf(config, path)
      return [
        { name: `${path}.lora_A.weight`, shape: [rank, inFeatures] },
        { name: `${path}.lora_B.weight`, shape: [outFeatures, rank] },
      ]
    }),
  )

const createAdapter = (config: LoraConfig, all: readonly Module[], seed: number): LoraAdapter => {
  const modules = selectModules(all, config)
  const layout = adapterLayout(config, modules)
  return adapterFrom(config, modules, initialValues(config, layout, seed))
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
    layout,
    values,
    apply: (network, parameters, options) => adapted(config, modules, network, parameters, options),
  }
}

/** A random, B zero, so that a fresh adapter changes nothing. */
const initialValues = (config: LoraConfig, layout: FlatLayout, seed: number): Float32Array => {
  const values = new Float32Array(layout.size)
  layout.entries.forEach(({ name, shape, offset, size }, index) => {
    if (!name.endsWith('.lora_A.weight')) return
    const key = foldIn(randomKey(seed), index)
    const target = values.subarray(offset, offset + size)
    if (config.init === 'gaussian') fillNormal(key, target, 1 / shape[0]!)
    else fillUniform(key, target, -1 / Math.sqrt(shape[1]!), 1 / Math.sqrt(shape[1]!)) // Kaiming with a = √5
  })
  return values
}

const adapted = (
  config: LoraConfig,
  modules: readonly Module[],
  base: Network,
  parameters: Readonly<Record<string, Tensor>>,
  { dropoutKey }: ApplyOptions = {},
): Network => {
  const paths = new Set(modules.map(({ path }) => path))
  return {
    ...base,
    linear: (path, x) => {
      const y = base.linear(path, x)
      if (!paths.has(path)) return y
      const input = dropoutKey ? dropout(x, config.dropout, dropoutKey(path)) : x
      return add(y, update(input, parameters, path, scalingOf(config, path).scaling))
    },
  }
}

/** scaling · x · Aᵀ · Bᵀ (Hu et al. 2021, eq. 3). */
const update = (x: Tensor, parameters: Readonly<Record<string, Tensor>>, path: string, scaling: number): Tensor => {
  const [a, b] = [parameters[`${path}.lora_A.weight`]!, parameters[`${path}.lora_B.weight`]!]
  return matmul(matmul(x, a, { transposeB: true }), b, { transposeB: true, alpha: scaling })
}
