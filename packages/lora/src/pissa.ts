import type { Module } from '@qilin-med/models'
import { foldIn, randomKey } from '@qilin-med/tensor'
import { type LoraConfig, pissaIterations, scalingOf } from './config'
import { LoraError } from './errors'
import { type InitialOptions, missingWeight } from './initial'
import { factorNames } from './layout'
import { leadingTriplets, type SubspaceSearch } from './singular'
import { startedModules, startLayout } from './start'

/**
 * The first factors of PiSSA in the layout of `startLayout`: A = diag(√(S/s))·Vᵀ [rank, in] and B = U·diag(√(S/s))
 * [out, rank] of the weight's leading singular triplets U, S, V, where s is the scaling, so that s·B·A is the weight's
 * principal part. Undefined for other starts.
 *
 * @throws LoraError `options` when `weight` is not given or the rank exceeds a side of a weight, `non-finite` when a
 *   weight is not finite
 * @see Meng et al. 2024, eq. 2 and 3 (https://arxiv.org/abs/2404.02948)
 */
export const pissaStart = (
  config: LoraConfig,
  modules: readonly Module[],
  { seed, weight = missingWeight }: InitialOptions,
): Float32Array | undefined => {
  const iterations = pissaIterations(config.init)
  if (iterations === undefined) return undefined
  const layout = startLayout(config, modules)
  const offsets = new Map(layout.entries.map(({ name, offset }) => [name, offset]))
  const values = new Float32Array(layout.size)
  startedModules(config, modules).forEach((module, index) => {
    const search = iterations === 'exact' ? iterations : { iterations, key: foldIn(randomKey(seed), index) }
    const { a, b } = principalFactors(config, module, weight(`${module.path}.weight`), search)
    const [nameA, nameB] = factorNames(module)
    values.set(a, offsets.get(nameA)!)
    values.set(b, offsets.get(nameB)!)
  })
  return values
}

const principalFactors = (
  config: LoraConfig,
  module: Module,
  weight: Float32Array,
  search: SubspaceSearch,
): { readonly a: Float32Array; readonly b: Float32Array } => {
  const { path, kind, inFeatures, outFeatures } = module
  const { rank, scaling } = scalingOf(config, path)
  requireFits(module, rank, weight)
  const linear = kind === 'linear' // Conv1D is stored [in, out]
  const shape = linear ? ([outFeatures, inFeatures] as const) : ([inFeatures, outFeatures] as const)
  const { values, left, right } = leadingTriplets(weight, shape, rank, search)
  const [outputs, inputs] = linear ? [left, right] : [right, left]
  const a = new Float32Array(rank * inFeatures)
  const b = new Float32Array(outFeatures * rank)
  values.forEach((value, r) => {
    const root = Math.sqrt(value / scaling)
    for (let i = 0; i < inFeatures; i++) a[r * inFeatures + i] = root * inputs[r]![i]!
    for (let o = 0; o < outFeatures; o++) b[o * rank + r] = root * outputs[r]![o]!
  })
  return { a, b }
}

const requireFits = ({ path, inFeatures, outFeatures }: Module, rank: number, weight: Float32Array): void => {
  const most = Math.min(inFeatures, outFeatures)
  if (rank > most)
    throw new LoraError(
      'options',
      `lora: rank must be at most ${most} for ${path} with init 'pissa', which has no more singular values, got ${rank}. Lower rank, or give this layer its own by rankPattern.`,
      { module: path },
    )
  if (!weight.every(Number.isFinite))
    throw new LoraError(
      'non-finite',
      `lora: expected finite numbers in ${path}.weight, which init 'pissa' starts from, got NaN or Infinity. Check the checkpoint.`,
      { module: path },
    )
}
