import type { ConstantSource, QuantizeOptions } from '@qilin-med/tensor'
import {
  float32ToBfloat16,
  float32ToFloat16,
  type SafetensorsFile,
  type TensorToWrite,
} from '@qilin-med/tensor/safetensors'
import { ModelsError } from '../errors'
import { modulesOf, parametersOf } from '../families/modules'
import { sourceIn } from './mapped'
import type { Checkpoint } from './open'
import { formatName, quantizedConstant, quantizedMatrices, quantizedTensors } from './quantized-file'
import { weightFile } from './weight-file'

/**
 * How a model's matrices are kept while it is used. `float32` is exact. `bfloat16` and `float16` halve the memory and are
 * widened where they are multiplied. `int8`, `int4` and `nf4` (or the options of `quantize`) are frozen: adapters train on
 * top of them. Norms and biases are float32 in all of them.
 */
export type WeightFormat = (typeof wideFormats)[number] | QuantizeOptions['scheme'] | QuantizeOptions

const wideFormats = ['float32', 'bfloat16', 'float16'] as const
type Wide = (typeof wideFormats)[number]

/** Where programs find the weights of a model: constants by checkpoint name, undefined where there is none. */
export interface StoredWeights {
  /** A weight as products and norms read it. */
  source(name: string): ConstantSource | undefined
  /** A table as look-ups read it: rows of what the checkpoint has, whatever the products use. */
  table(name: string): ConstantSource | undefined
}

/**
 * The weights of a checkpoint in the wanted format. What the checkpoint does not have in that format is written once into
 * a file in `folder`, tensor by tensor, and mapped from there by every program.
 *
 * @throws ModelsError `unsupported-feature` for an unknown format
 */
export const storedWeights = async (
  checkpoint: Checkpoint,
  format: WeightFormat,
  folder: string,
): Promise<StoredWeights> => {
  if (isWide(format)) return wideWeights(checkpoint, format, folder)
  const options = typeof format === 'string' ? { scheme: checkedScheme(format) } : format
  return quantizedWeights(checkpoint, options, folder)
}

const isWide = (format: WeightFormat): format is Wide => wideFormats.includes(format as Wide)

const checkedScheme = (name: QuantizeOptions['scheme']): QuantizeOptions['scheme'] => {
  if (name === 'int8' || name === 'int4' || name === 'nf4') return name
  throw new ModelsError(
    'unsupported-feature',
    `loadModel: weights must be ${wideFormats.join(', ')}, int8, int4 or nf4, got '${name}'. Leave it out for float32.`,
  )
}

/** Only matrices are worth 16 bits; norms and biases stay exact. */
const wideWeights = async (checkpoint: Checkpoint, format: Wide, folder: string): Promise<StoredWeights> => {
  const wanted = (name: string): Wide => (rankOf(checkpoint, name) < 2 ? 'float32' : format)
  const missing = parameterNames(checkpoint).filter((name) => dtypeOf(checkpoint, name) !== wanted(name))
  const tensors = () => missing.map((name) => converted(checkpoint, name, wanted(name)))
  const file = missing.length > 0 ? await weightFile(checkpoint, { folder, format, tensors }) : undefined
  const source = either(file, checkpoint)
  return { source, table: source }
}

const quantizedWeights = async (
  checkpoint: Checkpoint,
  options: QuantizeOptions,
  folder: string,
): Promise<StoredWeights> => {
  const matrices = new Map(quantizedMatrices(checkpoint.config, options).map((matrix) => [matrix.name, matrix]))
  const tables = new Set(
    modulesOf(checkpoint.config).flatMap(({ path, kind }) => (kind === 'embedding' ? `${path}.weight` : [])),
  )
  const wide = (name: string) => !matrices.has(name) && !tables.has(name) // table rows are widened one by one
  const rest = parameterNames(checkpoint).filter((name) => wide(name) && dtypeOf(checkpoint, name) !== 'float32')
  const file = await weightFile(checkpoint, {
    folder,
    format: formatName(options),
    tensors: () => [
      ...quantizedTensors(checkpoint, [...matrices.values()]),
      ...rest.map((name) => converted(checkpoint, name, 'float32')),
    ],
  })
  const other = either(file, checkpoint)
  return {
    source: (name) => {
      const matrix = matrices.get(name)
      return matrix ? quantizedConstant(file, matrix) : other(name)
    },
    table: checkpoint.source,
  }
}

/** From the file where it has the name, else from the checkpoint. */
const either =
  (file: SafetensorsFile | undefined, checkpoint: Checkpoint) =>
  (name: string): ConstantSource | undefined =>
    (file && sourceIn(file, name)) ?? checkpoint.source(name)

const parameterNames = (checkpoint: Checkpoint): string[] =>
  parametersOf(checkpoint.config).flatMap(({ name }) => (checkpoint.locate(name) ? [name] : []))

const dtypeOf = (checkpoint: Checkpoint, name: string): string => checkpoint.locate(name)!.entry.dtype

const rankOf = (checkpoint: Checkpoint, name: string): number => checkpoint.locate(name)!.entry.shape.length

const converted = (checkpoint: Checkpoint, name: string, dtype: Wide): TensorToWrite => ({
  name,
  dtype,
  shape: checkpoint.locate(name)!.entry.shape,
  data: async () => narrowed(await checkpoint.read(name), dtype),
})

const narrowed = (values: Float32Array, dtype: Wide): Float32Array | Uint16Array => {
  if (dtype === 'bfloat16') return float32ToBfloat16(values)
  return dtype === 'float16' ? float32ToFloat16(values) : values
}
