import type { NdArray } from '../array'
import { bytesPerElement, type TypedArray } from '../dtype'
import { DTypeError, ShapeError, TensorError } from '../errors'
import type { ConstantSource } from '../tensor'
import { dequantizeInt4, type Int4Scheme, quantizeInt4 } from './int4'
import { dequantizeInt8, quantizeInt8, quantizeInt8Inputs, transposeTiles, untransposeTiles } from './int8'
import { dequantizeNf4, quantizeNf4 } from './nf4'

/** What every quantised matrix has. */
interface Quantized {
  /** Size of the matrix, outputs first. */
  readonly outputs: number
  readonly inputs: number
}

/**
 * A matrix in 8 bits with a scale for each output. Products with it run on integer kernels in both directions: forward
 * with the codes of this matrix, for gradients with a second rounding of it that has a scale for each input, because
 * scales cannot lie on the axis that is summed over.
 */
export interface Int8Weight extends Quantized {
  readonly scheme: 'int8'
  /** int8 [in, out]; with several tiles [in, tile] for each tile of outputs, one after the other. */
  readonly codes: ConstantSource
  /** float32 [out] */
  readonly scales: ConstantSource
  /** int8 [out, in] */
  readonly backwardCodes: ConstantSource
  /** float32 [in] */
  readonly backwardScales: ConstantSource
  /** Outputs in a tile. */
  readonly tile: number
}

/** A matrix in 4 bits with a scale for each block of a row. */
export interface Int4Weight extends Quantized {
  readonly scheme: 'int4'
  /** uint8 [out, blocks, block / 2] */
  readonly packed: ConstantSource
  /** float32 [out, blocks] */
  readonly scales: ConstantSource
  readonly block: number
  /** What the forward product computes in: `float32` widens the weight, `int8` rounds the operand to 8 bits block by block. */
  readonly products: 'float32' | 'int8'
}

/** A matrix in 4-bit NormalFloat; blocks run over the flattened matrix. */
export interface Nf4Weight extends Quantized {
  readonly scheme: 'nf4'
  /** uint8 [⌈size / 2⌉] */
  readonly packed: ConstantSource
  /** float32 [⌈size / block⌉] */
  readonly scales: ConstantSource
  readonly block: number
}

/** A frozen matrix in few bits. Plain data: its parts are constants, in memory or in a file. */
export type QuantizedWeight = Int8Weight | Int4Weight | Nf4Weight

/** How a matrix is rounded. */
export type QuantizeOptions =
  | {
      readonly scheme: 'int8'
      /** Outputs whose codes lie together, for walks over a part of the outputs at a time; default all. */
      readonly tile?: number
    }
  | {
      readonly scheme: 'int4'
      /** Values that share a scale, an even number; default 32. ONNX Runtime multiplies 16, 32, 64, 128 and 256 fastest. */
      readonly block?: number
      /** Default `signed`, which loses less. */
      readonly scales?: Int4Scheme
      /** Default `float32`. */
      readonly products?: 'float32' | 'int8'
    }
  | {
      readonly scheme: 'nf4'
      /** Values that share a scale, an even number; default 64. */
      readonly block?: number
    }

/**
 * A float32 matrix [out, in] rounded to few bits; `constant` makes a tensor of it.
 *
 * @throws ShapeError, DTypeError unless it is a float32 matrix; TensorError `non-finite` for NaN or Infinity,
 * `argument` for an unknown scheme or block
 */
export const quantize = (weight: NdArray, options: QuantizeOptions): QuantizedWeight => {
  const [outputs, inputs] = matrixOf(weight)
  const data = weight.data as Float32Array
  const size = { outputs, inputs }
  if (options.scheme === 'int8') return { ...size, ...int8Arrays(data, outputs, options.tile) }
  const { block = options.scheme === 'int4' ? 32 : 64 } = options
  if (options.scheme === 'nf4') {
    requireBlock(block)
    const { packed, scales } = quantizeNf4(data, block)
    return { ...size, scheme: 'nf4', block, packed: inMemory('uint8', packed), scales: inMemory('float32', scales) }
  }
  if (options.scheme !== 'int4') return unknownScheme(options)
  requireBlock(block)
  const { scales: scheme = 'signed', products = 'float32' } = options
  const { packed, scales } = quantizeInt4(data, { outputs, block, scheme })
  const blocks = Math.ceil(inputs / block)
  return {
    ...size,
    scheme: 'int4',
    block,
    products,
    packed: inMemory('uint8', packed, [outputs, blocks, block / 2]),
    scales: inMemory('float32', scales, [outputs, blocks]),
  }
}

const matrixOf = ({ dtype, shape, data }: NdArray): readonly [outputs: number, inputs: number] => {
  if (shape.length !== 2)
    throw new ShapeError(`quantize: expected a matrix [out, in], got [${shape}]. Quantise one matrix at a time.`)
  if (dtype !== 'float32')
    throw new DTypeError(`quantize: expected a float32 matrix, got ${dtype}. Convert it to float32 first.`)
  let rest = 0
  for (const value of data as Float32Array) rest += value * 0 // 0, or NaN where a value is not finite
  if (rest !== 0)
    throw new TensorError('non-finite', 'quantize: expected finite weights, got NaN or Infinity. Check the checkpoint.')
  return shape as [number, number]
}

const requireBlock = (block: number): void => {
  if (!Number.isInteger(block) || block < 2 || block % 2 !== 0)
    throw new TensorError('argument', `quantize: block must be an even number of at least 2, got ${block}. Use 32.`)
}

const unknownScheme = (options: never): never => {
  const { scheme } = options as { scheme: unknown }
  throw new TensorError('argument', `quantize: scheme must be int8, int4 or nf4, got ${scheme}. Use int8.`)
}

const int8Arrays = (weight: Float32Array, outputs: number, tile = Math.max(outputs, 1)) => {
  const forward = quantizeInt8(weight, outputs)
  const backward = quantizeInt8Inputs(weight, outputs)
  const inputs = backward.scales.length
  return {
    scheme: 'int8' as const,
    tile,
    codes: inMemory('int8', transposeTiles(forward.codes, outputs, tile), [inputs, outputs]),
    scales: inMemory('float32', forward.scales),
    backwardCodes: inMemory('int8', backward.codes, [outputs, inputs]),
    backwardScales: inMemory('float32', backward.scales),
  }
}

/** A constant over an array in memory. */
export const inMemory = (
  dtype: ConstantSource['dtype'],
  data: TypedArray,
  shape: readonly number[] = [data.length],
): ConstantSource => ({ dtype, shape, read: () => data })

/** The matrix [out, in] that a quantised weight stands for, in float32; reads all of it. */
export const dequantize = (weight: QuantizedWeight): Float32Array => {
  const { outputs, inputs } = weight
  const scales = weight.scales.read() as Float32Array
  if (weight.scheme === 'int8') {
    const tiles = weight.codes.read() as Int8Array
    return dequantizeInt8({ codes: untransposeTiles(tiles, outputs, weight.tile), scales })
  }
  const packed = weight.packed.read() as Uint8Array
  if (weight.scheme === 'nf4') return dequantizeNf4({ packed, scales }, outputs * inputs, weight.block)
  return dequantizeInt4({ packed, scales }, weight)
}

/** The constants that a product reads, forward or in the direction of gradients. */
export const partsFor = (weight: QuantizedWeight, direction: 'forward' | 'backward'): readonly ConstantSource[] => {
  if (weight.scheme !== 'int8') return [weight.packed, weight.scales]
  return direction === 'forward' ? [weight.codes, weight.scales] : [weight.backwardCodes, weight.backwardScales]
}

/**
 * Outputs `begin` to `end` as a weight of their own over the same memory or file. Undefined where they do not lie in one
 * piece: int8 needs whole tiles, nf4 whole blocks.
 */
export const quantizedRows = (weight: QuantizedWeight, begin: number, end: number): QuantizedWeight | undefined => {
  const { inputs, scheme } = weight
  const outputs = end - begin
  const part = (source: ConstantSource, perOutput: number, shape: readonly number[]) =>
    rangeOf(source, begin * perOutput, outputs * perOutput, shape)
  if (scheme === 'int8') {
    const { tile } = weight
    if (begin % tile !== 0 || (end % tile !== 0 && end !== weight.outputs)) return undefined
    return {
      ...weight,
      outputs,
      tile: Math.min(tile, outputs),
      codes: part(weight.codes, inputs, [inputs, outputs]),
      scales: part(weight.scales, 1, [outputs]),
      backwardCodes: part(weight.backwardCodes, inputs, [outputs, inputs]),
    }
  }
  if (scheme === 'int4') {
    const blocks = Math.ceil(inputs / weight.block)
    const half = weight.block / 2
    return {
      ...weight,
      outputs,
      packed: part(weight.packed, blocks * half, [outputs, blocks, half]),
      scales: part(weight.scales, blocks, [outputs, blocks]),
    }
  }
  if ((begin * inputs) % weight.block !== 0) return undefined
  const size = outputs * inputs
  const blocks = Math.ceil(size / weight.block)
  return {
    ...weight,
    outputs,
    packed: rangeOf(weight.packed, (begin * inputs) / 2, Math.ceil(size / 2), [Math.ceil(size / 2)]),
    scales: rangeOf(weight.scales, (begin * inputs) / weight.block, blocks, [blocks]),
  }
}

/** `length` elements of a flat source from `begin`, in another shape, over the same memory or file range. */
export const rangeOf = (
  source: ConstantSource,
  begin: number,
  length: number,
  shape: readonly number[],
): ConstantSource => {
  const bytes = bytesPerElement[source.dtype]
  return {
    dtype: source.dtype,
    shape,
    ...(source.location && {
      location: {
        path: source.location.path,
        offset: source.location.offset + begin * bytes,
        byteLength: length * bytes,
      },
    }),
    read: () => source.read().subarray(begin, begin + length) as TypedArray,
  }
}
