import type { Module } from '@qilin-med/models'
import { type FlatLayout, flatLayout } from '@qilin-med/tensor'
import { type LoraConfig, scalingOf } from './config'
import { isSaved } from './targets'

/** Names of a module's low-rank factors, A [rank, in] and B [out, rank]; PEFT names those of tables differently. */
export const factorNames = ({ kind, path }: Module): readonly [a: string, b: string] =>
  kind === 'embedding'
    ? [`${path}.lora_embedding_A`, `${path}.lora_embedding_B`]
    : [`${path}.lora_A.weight`, `${path}.lora_B.weight`]

/** Name of DoRA's magnitudes [out] of the layer at `path`. */
export const magnitudeName = (path: string): string => `${path}.lora_magnitude_vector`

/** Name of the trained bias of an adapted layer. */
export const biasName = (path: string): string => `${path}.base_layer.bias`

/**
 * The layout of an adapter's weights, module by module in model order, under the names of PEFT's files without their
 * prefix: A and B, magnitudes and bias where the config has them, and full copies of the modules to save.
 */
export const adapterLayout = (config: LoraConfig, modules: readonly Module[]): FlatLayout =>
  flatLayout(modules.flatMap((module) => (isSaved(config, module.path) ? fullCopy(module) : lowRank(config, module))))

const fullCopy = ({ path, kind, inFeatures, outFeatures, bias }: Module) => [
  { name: `${path}.weight`, shape: kind === 'linear' ? [outFeatures, inFeatures] : [inFeatures, outFeatures] },
  ...(bias ? [{ name: `${path}.bias`, shape: [outFeatures] }] : []),
]

const lowRank = (config: LoraConfig, module: Module) => {
  const { path, inFeatures, outFeatures } = module
  const { rank } = scalingOf(config, path)
  const [a, b] = factorNames(module)
  return [
    { name: a, shape: [rank, inFeatures] },
    { name: b, shape: [outFeatures, rank] },
    ...(config.dora ? [{ name: magnitudeName(path), shape: [outFeatures] }] : []),
    ...(config.bias === 'lora_only' && module.bias ? [{ name: biasName(path), shape: [outFeatures] }] : []),
  ]
}
