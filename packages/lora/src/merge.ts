import type { Module } from '@qilin-med/models'
import type { LoraAdapter } from './adapter'
import { scalingOf } from './config'
import { rowNorms } from './dora'
import { LoraError } from './errors'
import { biasName, factorNames, magnitudeName } from './layout'
import { startLayout } from './start'
import { isSaved } from './targets'

const part = ({ layout, values }: Pick<LoraAdapter, 'layout' | 'values'>, name: string): Float32Array | undefined => {
  const entry = layout.entries.find((candidate) => candidate.name === name)
  return entry && values.subarray(entry.offset, entry.offset + entry.size)
}

/** The products B·A that a layer's change is made of, each with its factor: scaling, and −scaling for a start. */
const products = (adapter: LoraAdapter, module: Module) => {
  const { config, modules, start } = adapter
  const { scaling } = scalingOf(config, module.path)
  const pair = (of: Pick<LoraAdapter, 'layout' | 'values'>) => factorNames(module).map((name) => part(of, name))
  const [a, b] = pair(adapter)
  const [firstA, firstB] = start ? pair({ layout: startLayout(config, modules), values: start }) : []
  return [{ a: a!, b: b!, factor: scaling }, ...(firstA && firstB ? [{ a: firstA, b: firstB, factor: -scaling }] : [])]
}

const lowRankModule = ({ config, modules }: LoraAdapter, path: string): Module | undefined =>
  isSaved(config, path) ? undefined : modules.find((module) => module.path === path)

/**
 * The low-rank change of the weight at `path`, scaling·B·A or, from a start, scaling·(B·A − B₀·A₀), in the layout the weight is stored in ([out, in], or [in, out]
 * for GPT-2's Conv1D and for tables). Undefined where the adapter has none. Sums in float64.
 */
export const deltaWeight = (adapter: LoraAdapter, path: string): Float32Array | undefined => {
  const module = lowRankModule(adapter, path)
  if (!module) return undefined
  const parts = products(adapter, module)
  const { rank } = scalingOf(adapter.config, path)
  const { inFeatures, outFeatures, kind } = module
  const delta = new Float32Array(inFeatures * outFeatures)
  const row = new Float64Array(inFeatures)
  for (let o = 0; o < outFeatures; o++) {
    row.fill(0)
    for (const { a, b, factor } of parts)
      for (let r = 0; r < rank; r++) {
        const scale = b[o * rank + r]! * factor
        for (let i = 0; i < inFeatures; i++) row[i]! += scale * a[r * inFeatures + i]!
      }
    if (kind === 'linear') delta.set(row, o * inFeatures)
    else for (let i = 0; i < inFeatures; i++) delta[i * outFeatures + o] = row[i]!
  }
  return delta
}

/**
 * The weight with the adapter's change in it; the weight itself stays as it is. A module that was saved as a full copy
 * gives the copy.
 *
 * @throws LoraError `non-finite` when the result is not finite
 */
export const mergeWeight = (adapter: LoraAdapter, path: string, weight: Float32Array): Float32Array =>
  mergeParameter(adapter, `${path}.weight`, weight)

/**
 * A parameter of the base model, by checkpoint name, with everything that the adapter changes in it: weights and
 * trained biases. Returns `values` itself where the adapter changes nothing.
 *
 * @throws LoraError `non-finite` when the result is not finite
 */
export const mergeParameter = (adapter: LoraAdapter, name: string, values: Float32Array): Float32Array => {
  const merged = mergedValues(adapter, name, values)
  if (merged !== values && !merged.every(Number.isFinite))
    throw new LoraError(
      'non-finite',
      `mergeParameter: expected finite values for ${name}, got NaN or Infinity. The adapter diverged: train it with a lower rate.`,
      { module: name },
    )
  return merged
}

const mergedValues = (adapter: LoraAdapter, name: string, values: Float32Array): Float32Array => {
  const full = part(adapter, name)
  if (full) return full.slice()
  const path = name.replace(/\.(weight|bias)$/, '')
  if (name.endsWith('.bias')) return part(adapter, biasName(path))?.slice() ?? values
  const delta = deltaWeight(adapter, path)
  if (!delta || !name.endsWith('.weight')) return values
  const sum = values.map((value, i) => value + delta[i]!)
  const magnitudes = part(adapter, magnitudeName(path))
  return magnitudes ? rescaled(lowRankModule(adapter, path)!, sum, magnitudes) : sum
}

/** The weight with each output's row stretched to its magnitude. */
const rescaled = (module: Module, weight: Float32Array, magnitudes: Float32Array): Float32Array => {
  const norms = rowNorms(module, weight)
  const { kind, inFeatures, outFeatures } = module
  return weight.map((value, i) => {
    const output = kind === 'linear' ? Math.floor(i / inFeatures) : i % outFeatures
    return (value * magnitudes[output]!) / norms[output]!
  })
}
