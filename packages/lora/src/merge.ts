import type { LoraAdapter } from './adapter'
import { scalingOf } from './config'
import { LoraError } from './errors'

/**
 * The change scaling·B·A that an adapter makes to the weight at `path`, in the layout the weight is stored in
 * ([out, in], or [in, out] for GPT-2's Conv1D). Undefined where the adapter does not touch it. Sums in float64.
 */
export const deltaWeight = (adapter: LoraAdapter, path: string): Float32Array | undefined => {
  const module = adapter.modules.find((candidate) => candidate.path === path)
  if (!module) return undefined
  const part = (name: string): Float32Array => {
    const { offset, size } = adapter.layout.entries.find((entry) => entry.name === `${path}.${name}`)!
    return adapter.values.subarray(offset, offset + size)
  }
  const [a, b] = [part('lora_A.weight'), part('lora_B.weight')]
  const { rank, scaling } = scalingOf(adapter.config, path)
  const { inFeatures, outFeatures, kind } = module
  const delta = new Float32Array(inFeatures * outFeatures)
  const row = new Float64Array(inFeatures)
  for (let o = 0; o < outFeatures; o++) {
    row.fill(0)
    for (let r = 0; r < rank; r++) {
      const factor = b[o * rank + r]! * scaling
      for (let i = 0; i < inFeatures; i++) row[i]! += factor * a[r * inFeatures + i]!
    }
    if (kind === 'conv1d') for (let i = 0; i < inFeatures; i++) delta[i * outFeatures + o] = row[i]!
    else delta.set(row, o * inFeatures)
  }
  return delta
}

/**
 * The weight with the adapter's change added; the weight itself stays as it is.
 *
 * @throws LoraError `non-finite` when the result is not finite
 */
export const mergeWeight = (adapter: LoraAdapter, path: string, weight: Float32Array): Float32Array => {
  const delta = deltaWeight(adapter, path)
  if (!delta) return weight
  const merged = weight.map((value, i) => value + delta[i]!)
  if (!merged.every(Number.isFinite))
    throw new LoraError(
      'non-finite',
      `mergeWeight: expected finite weights at ${path}, got NaN or Infinity. The adapter diverged: train it with a lower rate.`,
      { module: path },
    )
  return merged
}
