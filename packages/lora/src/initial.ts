import type { Module } from '@qilin-med/models'
import { type FlatLayout, fillNormal, fillUniform, foldIn, type RandomKey, randomKey } from '@qilin-med/tensor'
import type { LoraConfig } from './config'
import { rowNorms } from './dora'
import { LoraError } from './errors'
import { biasName, factorNames, magnitudeName } from './layout'
import { startLayout } from './start'

/** Values of a weight of the base model by checkpoint name. */
export type ReadWeight = (name: string) => Float32Array

/** Where the first values of an adapter come from. */
export interface InitialOptions {
  /** Seed of the random factors; equal seeds give equal values. */
  readonly seed: number
  /** The base model's weights, which PiSSA, DoRA, trained biases and modules to save start from; `weightsOf(model)`. */
  readonly weight?: ReadWeight
}

/**
 * Values of a fresh adapter, which changes nothing: one factor random, the other zero, or both as in `start`; magnitudes,
 * biases and saved modules as the model has them.
 *
 * @param start first factors in the layout of `startLayout`, where they start from weights
 * @throws LoraError `options` when the config needs the model's weights and `weight` is not given
 */
export const initialValues = (
  config: LoraConfig,
  modules: readonly Module[],
  layout: FlatLayout,
  { seed, weight = missingWeight }: InitialOptions,
  start?: Float32Array,
): Float32Array => {
  const values = new Float32Array(layout.size)
  const fills = new Map(modules.flatMap((module) => [...moduleFills(config, module)]))
  for (const { name, offset, size } of startLayout(config, modules).entries)
    fills.set(name, (target) => target.set(start!.subarray(offset, offset + size)))
  layout.entries.forEach(({ name, offset, size }, index) => {
    const target = values.subarray(offset, offset + size)
    const fill = fills.get(name)
    if (fill) fill(target, foldIn(randomKey(seed), index), weight)
    else target.set(weight(name)) // a module to save
  })
  return values
}

type Fill = (target: Float32Array, key: RandomKey, weight: ReadWeight) => void

const moduleFills = (config: LoraConfig, module: Module): Map<string, Fill> => {
  const { path, inFeatures, kind } = module
  const [a, b] = factorNames(module)
  const zero: Fill = () => {}
  const bound = 1 / Math.sqrt(inFeatures) // Kaiming with a = √5
  const random: Fill =
    config.init === 'gaussian'
      ? (target, key) => fillNormal(key, target, inFeatures / target.length) // deviation 1 / rank
      : (target, key) => fillUniform(key, target, -bound, bound)
  const factors: [string, Fill][] =
    kind === 'embedding'
      ? [
          [a, zero],
          [b, (target, key) => fillNormal(key, target)],
        ]
      : [
          [a, random],
          [b, zero],
        ]
  return new Map([
    ...factors,
    [magnitudeName(path), (target, _, weight) => target.set(rowNorms(module, weight(`${path}.weight`)))],
    [biasName(path), (target, _, weight) => target.set(weight(`${path}.bias`))],
  ])
}

/** Stands for weights that were not given. @throws LoraError `options` naming the one that is needed */
export const missingWeight: ReadWeight = (name) => {
  throw new LoraError(
    'options',
    `lora: expected the model's weights to start from (${name}), got none. Pass weight: weightsOf(model) to create.`,
    { module: name },
  )
}
