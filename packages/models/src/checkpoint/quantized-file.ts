import {
  type ConstantSource,
  type Int8Weight,
  type QuantizedWeight,
  type QuantizeOptions,
  quantize,
  quantizedSource,
  TensorError,
} from '@qilin-med/tensor'
import type { SafetensorsFile, StoredArray, TensorToWrite } from '@qilin-med/tensor/safetensors'
import type { ModelConfig } from '../config/types'
import { ModelsError } from '../errors'
import { modulesOf } from '../families/modules'
import { headName } from '../forward'
import { sourceIn } from './mapped'
import type { Checkpoint } from './open'

/** Where a quantised matrix comes from and how it is rounded. */
interface QuantizedMatrix {
  readonly name: string
  readonly outputs: number
  readonly inputs: number
  /** True for matrices that the checkpoint stores [in, out]. */
  readonly transposed: boolean
  readonly options: QuantizeOptions
}

/**
 * The matrices of a model that are quantised: those of all linear layers, and the output head, also where it is the
 * embedding table. The head is int8 whatever the layers are: it touches every prediction, and 4 bits cost it most. Heads
 * whose rows are normalised stay as they are.
 */
export const quantizedMatrices = (config: ModelConfig, options: QuantizeOptions): QuantizedMatrix[] => {
  const head = headName(config)
  return modulesOf(config).flatMap(({ path, kind, inFeatures, outFeatures }): QuantizedMatrix[] => {
    const name = `${path}.weight`
    if (name === head) {
      if (config.normalizedHead) return []
      const [outputs, inputs] = [config.vocabularySize, config.hiddenSize]
      return [{ name, outputs, inputs, transposed: false, options: { scheme: 'int8', tile: tileOf(outputs) } }]
    }
    if (kind === 'embedding') return []
    return [{ name, outputs: outFeatures, inputs: inFeatures, transposed: kind === 'conv1d', options }]
  })
}

/** Words of a tile of the output head: pieces of nearly equal size, at most this many, in whole vectors of 64. */
const mostWords = 8192

const tileOf = (words: number): number => {
  const pieces = Math.ceil(words / mostWords)
  return Math.min(mostWords, Math.ceil(words / pieces / 64) * 64, words)
}

/** Says how weights are rounded in a word that may stand in a file name. Counts up when the layout of the file changes. */
export const formatName = (options: QuantizeOptions): string => {
  const { scheme } = options
  if (scheme === 'int8') return 'int8-1'
  const block = options.block ?? 'default'
  return scheme === 'nf4' ? `nf4-${block}-1` : `int4-${block}-${options.scales ?? 'signed'}-1`
}

/** Names under which the parts of a quantised weight are stored, after the name of the weight. */
const partNames = {
  int8: { codes: 'codes', scales: 'scales', backwardCodes: 'backward_codes', backwardScales: 'backward_scales' },
  int4: { packed: 'packed', scales: 'scales' },
  nf4: { packed: 'packed', scales: 'scales' },
} as const

/** The tensors of the quantised file, each computed when it is written. A matrix is quantised once for parts in a row. */
export const quantizedTensors = (checkpoint: Checkpoint, matrices: readonly QuantizedMatrix[]): TensorToWrite[] => {
  let last: { readonly name: string; readonly parts: Promise<Readonly<Record<string, ConstantSource>>> } | undefined
  const partsOf = (matrix: QuantizedMatrix) => {
    if (last?.name !== matrix.name) last = { name: matrix.name, parts: quantizedParts(checkpoint, matrix) }
    return last.parts
  }
  return matrices.flatMap((matrix) =>
    partsLike(matrix).map(({ part, dtype, shape }) => ({
      name: `${matrix.name}.${part}`,
      dtype,
      shape,
      data: async () => (await partsOf(matrix))[part]!.read() as StoredArray,
    })),
  )
}

const quantizedParts = async (
  checkpoint: Checkpoint,
  { name, outputs, inputs, transposed, options }: QuantizedMatrix,
): Promise<Readonly<Record<string, ConstantSource>>> => {
  const stored = await checkpoint.read(name)
  const data = transposed ? exchangeAxes(stored, outputs) : stored
  try {
    return partsOfWeight(quantize({ dtype: 'float32', shape: [outputs, inputs], data }, options))
  } catch (cause) {
    if (!(cause instanceof TensorError) || cause.code !== 'non-finite') throw cause
    const { folder } = checkpoint
    throw new ModelsError(
      'bad-checkpoint',
      `loadModel: ${folder}: expected finite weights in ${name}, got NaN or Infinity. The checkpoint is damaged, or its training diverged.`,
      { path: folder, tensor: name, cause },
    )
  }
}

const partsOfWeight = (weight: QuantizedWeight): Record<string, ConstantSource> =>
  Object.fromEntries(
    Object.entries(partNames[weight.scheme]).map(([key, part]) => [part, weight[key as never] as ConstantSource]),
  )

/** A matrix [rows, columns] as [columns, rows]. */
const exchangeAxes = (data: Float32Array, columns: number): Float32Array => {
  const rows = data.length / columns
  const result = new Float32Array(data.length)
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c]!
  return result
}

/** Types and shapes of the parts: those of a matrix of zeros would be the same. */
const partsLike = ({ outputs, inputs, options }: QuantizedMatrix) => {
  const like = (part: string, dtype: 'int8' | 'uint8' | 'float32', shape: readonly number[]) => ({ part, dtype, shape })
  if (options.scheme === 'int8')
    return [
      like('codes', 'int8', [inputs, outputs]),
      like('scales', 'float32', [outputs]),
      like('backward_codes', 'int8', [outputs, inputs]),
      like('backward_scales', 'float32', [inputs]),
    ]
  const { block = options.scheme === 'int4' ? 32 : 64 } = options
  if (options.scheme === 'nf4') {
    const size = outputs * inputs
    return [like('packed', 'uint8', [Math.ceil(size / 2)]), like('scales', 'float32', [Math.ceil(size / block)])]
  }
  const blocks = Math.ceil(inputs / block)
  return [like('packed', 'uint8', [outputs, blocks, block / 2]), like('scales', 'float32', [outputs, blocks])]
}

/** The constant of a quantised matrix over the parts in `file`. */
export const quantizedConstant = (file: SafetensorsFile, matrix: QuantizedMatrix): ConstantSource => {
  const { name, outputs, inputs, transposed, options } = matrix
  const parts = Object.fromEntries(
    Object.entries(partNames[options.scheme]).map(([key, part]) => [key, sourceIn(file, `${name}.${part}`)!]),
  )
  return quantizedSource({ outputs, inputs, ...settingsOf(matrix), ...parts } as QuantizedWeight, transposed ? 1 : 0)
}

const settingsOf = ({ outputs, options }: QuantizedMatrix): Partial<QuantizedWeight> => {
  if (options.scheme === 'int8') return { scheme: 'int8', tile: options.tile ?? outputs } satisfies Partial<Int8Weight>
  if (options.scheme === 'nf4') return { scheme: 'nf4', block: options.block ?? 64 }
  return { scheme: 'int4', block: options.block ?? 32, products: options.products ?? 'float32' }
}
