import { createHash } from 'node:crypto'
import type { Module, Network } from '@qilin-med/models'
import type { FlatLayout, Tensor } from '@qilin-med/tensor'
import { type ApplyOptions, adapted } from './apply'
import { type LoraConfig, type LoraOptions, resolveOptions } from './config'
import { LoraError } from './errors'
import { type InitialOptions, initialValues } from './initial'
import { adapterLayout } from './layout'
import { pissaStart } from './pissa'
import { adaptedFrom, frozenStart, startLayout } from './start'
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
  /**
   * Frozen first factors A₀ and B₀ in the layout of `startLayout`, where `init` takes them from the weights (PiSSA): the
   * change is then s·(B·A − B₀·A₀).
   */
  readonly start?: Float32Array
  /** The network with this adapter; `parameters` are the tensors of `layout`, by name. */
  apply(network: Network, parameters: Readonly<Record<string, Tensor>>, options?: ApplyOptions): Network
}

/** Makes an adapter for a model's modules; what `train` takes as `adapter`. */
export interface AdapterFactory {
  readonly config: LoraConfig
  /**
   * Takes a while where `init` is `pissa`: each weight is decomposed.
   *
   * @throws LoraError `targets` when nothing matches; `options` when weights are needed and not given, or when the rank is
   *   too large for PiSSA; `non-finite` when weights that PiSSA starts from are not finite
   */
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
      const start = pissaStart(config, modules, initial)
      const values = initialValues(config, modules, adapterLayout(config, modules), initial, start)
      return adapterFrom(config, modules, values, start)
    },
  }
}

/**
 * An adapter with the given weights.
 *
 * @param start first factors in the layout of `startLayout`, for a config whose `init` is PiSSA
 * @throws LoraError `mismatch` when the number of either does not fit its layout
 */
export const adapterFrom = (
  config: LoraConfig,
  modules: readonly Module[],
  values: Float32Array,
  start?: Float32Array,
): LoraAdapter => {
  const layout = adapterLayout(config, modules)
  if (values.length !== layout.size)
    throw new LoraError(
      'mismatch',
      `adapter: expected ${layout.size} weights for these modules, got ${values.length}. Use the config the weights were made with.`,
    )
  requireStart(config, startLayout(config, modules).size, start)
  const frozen = start && frozenStart(config, modules, start)
  return {
    config,
    modules,
    structure: structureOf(config, layout, start),
    layout,
    values,
    ...(start && { start }),
    apply: (network, parameters, options) =>
      frozen
        ? adaptedFrom(frozen, config, modules, network, parameters, options)
        : adapted(config, modules, network, parameters, options),
  }
}

const requireStart = ({ init }: LoraConfig, size: number, start: Float32Array | undefined): void => {
  if (size === (start?.length ?? 0)) return
  throw new LoraError(
    'mismatch',
    `adapter: expected a start of ${size} numbers with init '${init}', got ${start?.length ?? 'none'}. Pass the start of the adapter that the weights were trained from.`,
  )
}

/**
 * Everything that decides how the adapter enters the network. How it began and what it drops in training do not, except
 * for a start: it is a constant of programs.
 */
const structureOf = (
  { init: _, dropout: __, ...config }: LoraConfig,
  layout: FlatLayout,
  start: Float32Array | undefined,
): string => JSON.stringify([config, layout.entries, ...(start ? [fingerprint(start)] : [])])

const fingerprint = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex')
