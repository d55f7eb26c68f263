import type { ModelConfig } from '@qilin-med/models'
import { type FlatLayout, fillNormal, foldIn, randomKey } from '@qilin-med/tensor'

// Legend: D width, E head size. Head 0 of layers 0 and 1 gets a start of its own, everything else is random.

/**
 * Weights to start from: normal, norms at one, and two heads that already look back.
 *
 * A small model learns to read its context only after it has found a pair of heads that work together: one that looks
 * at the token before, one that looks for the place where the present token stood before (Olsson et al. 2022). From
 * random weights that pair did not form within 1.5 M tokens of copying (loss 3.7, which is picking any earlier token).
 * Started as such a pair, and with quiet residual branches so that tokens stay recognisable, loss is 1.1 after 0.2 M.
 * Training is free to change all of it.
 *
 * @returns flat parameters [P] in the order of `layout`
 */
export const initialWeights = (config: ModelConfig, layout: FlatLayout, seed: number): Float32Array => {
  const values = new Float32Array(layout.size).fill(1)
  const part = (name: string): Float32Array => {
    const { offset, size } = layout.entries.find((entry) => entry.name === name)!
    return values.subarray(offset, offset + size)
  }
  layout.entries.forEach(({ name, shape, offset, size }, index) => {
    if (shape.length === 1) return
    const branchEnd = name.endsWith('o_proj.weight') || name.endsWith('down_proj.weight')
    const deviation = config.initializerRange * (branchEnd ? 0.05 : 1)
    fillNormal(foldIn(randomKey(seed), index), values.subarray(offset, offset + size), deviation)
  })
  const common = addCommonOffset(config, part('model.embed_tokens.weight'), seed)
  const projection = (layer: number, name: string) => part(`model.layers.${layer}.self_attn.${name}_proj.weight`)
  startPreviousTokenHead(config, projection, common)
  startMatchingHead(config, projection, common, seed)
  return values
}

type Projection = (layer: number, name: 'q' | 'k' | 'v' | 'o') => Float32Array

/** Adds one random vector to every row of the table and returns it: what attention to a place can hold on to. */
const addCommonOffset = ({ hiddenSize, initializerRange }: ModelConfig, table: Float32Array, seed: number) => {
  const common = fillNormal(foldIn(randomKey(seed), 1001), new Float32Array(hiddenSize), initializerRange)
  for (let i = 0; i < table.length; i++) table[i]! += common[i % hiddenSize]!
  return common
}

const length = (vector: Float32Array): number => Math.hypot(...vector)

/**
 * Layer 0, head 0: query and key are constants, turned against each other by one position, in the three fastest pairs
 * of the rotary embedding; the score 2.7·(2·cos Δ + cos 0.56Δ + cos 0.32Δ) is highest one token back.
 */
const startPreviousTokenHead = (config: ModelConfig, projection: Projection, common: Float32Array): void => {
  const { hiddenSize: width, headSize, rope } = config
  const reading = Math.sqrt(width / 2) * length(common) // what a normalised token has of the common offset
  const [query, key] = [projection(0, 'q'), projection(0, 'k')]
  for (const [pair, weight] of [2, 1, 1].entries()) {
    const turn = rope!.global.theta ** ((-2 * pair) / headSize)
    const gain = Math.sqrt(2.7 * weight * Math.sqrt(headSize)) / reading
    const [first, second] = [pair * width, (pair + headSize / 2) * width]
    common.forEach((value, i) => {
      query[first + i] = gain * value
      query[second + i] = 0
      key[first + i] = gain * value * Math.cos(turn)
      key[second + i] = gain * value * Math.sin(turn)
    })
  }
}

/** [E, D] random directions of length about one that do not see the common offset. */
const contentCode = (
  { headSize, hiddenSize: width }: ModelConfig,
  common: Float32Array,
  seed: number,
): Float32Array => {
  const code = fillNormal(randomKey(seed), new Float32Array(headSize * width), 1 / Math.sqrt(width))
  const square = length(common) ** 2
  for (let row = 0; row < headSize; row++) {
    const direction = code.subarray(row * width, (row + 1) * width)
    const share = direction.reduce((sum, value, i) => sum + value * common[i]!, 0) / square
    direction.forEach((value, i) => {
      direction[i] = value - share * common[i]!
    })
  }
  return code
}

/**
 * Head 0 of layer 0 passes on a code of the token before; head 0 of layer 1 compares it with the code of the present
 * token, in rotary pairs slow enough to ignore distance, and passes on the token it finds.
 */
const startMatchingHead = (config: ModelConfig, projection: Projection, common: Float32Array, seed: number): void => {
  const { hiddenSize: width, headSize } = config
  const [token, mark, answer] = [2001, 2002, 2003].map((salt) => contentCode(config, common, seed * 10_000 + salt))
  const fastPairs = 6
  const set = (weights: Float32Array, row: number, column: number, value: number) => {
    weights[row * width + column] = value
  }
  for (let slot = 0; slot < headSize; slot++)
    for (let i = 0; i < width; i++) {
      const at = slot * width + i
      const slow = slot % (headSize / 2) >= fastPairs
      if (slow) {
        set(projection(0, 'v'), slot, i, token![at]!)
        set(projection(0, 'o'), i, slot, 0.1 * mark![at]!)
      }
      set(projection(1, 'q'), slot, i, slow ? 1.5 * token![at]! : 0)
      set(projection(1, 'k'), slot, i, slow ? 1.5 * mark![at]! : 0)
      set(projection(1, 'v'), slot, i, answer![at]!)
      set(projection(1, 'o'), i, slot, 0.2 * answer![at]!)
    }
}
