import { cast, constant, cos, mul, sin, type Tensor, unsqueeze } from '@qilin-med/tensor'
import type { Rope } from '../config/types'

/** Cosine and sine of the rotary angle of every token, [B, T, size/2] each. */
export interface Angles {
  readonly cosine: Tensor
  readonly sine: Tensor
}

/** Inverse wavelengths θ^(−2i/size) of the pairs of a head, stretched as the scaling says; float64. */
export const inverseFrequencies = ({ theta, scaling }: Rope, size: number): Float64Array =>
  Float64Array.from({ length: size / 2 }, (_, i) => stretched(theta ** ((-2 * i) / size), scaling))

const stretched = (frequency: number, scaling: Rope['scaling']): number => {
  if (scaling.type === 'default') return frequency
  if (scaling.type === 'linear') return frequency / scaling.factor
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositions } = scaling
  const turns = (originalMaxPositions * frequency) / (2 * Math.PI)
  if (turns < low) return frequency / factor
  if (turns > high) return frequency
  const blend = (turns - low) / (high - low)
  return ((1 - blend) * frequency) / factor + blend * frequency
}

/** Angles of the given positions. @param positions [B, T], int32 or int64 */
export const rotaryAngles = (rope: Rope, size: number, positions: Tensor): Angles => {
  const frequencies = constant({
    dtype: 'float32',
    shape: [size / 2],
    data: Float32Array.from(inverseFrequencies(rope, size)),
  })
  const angles = mul(unsqueeze(cast(positions, 'float32'), -1), frequencies)
  return { cosine: cos(angles), sine: sin(angles) }
}
