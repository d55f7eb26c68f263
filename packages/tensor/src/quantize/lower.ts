import type { Shape } from '../dimension'
import { lowerAfter } from '../onnx/after'
import { dataType } from '../onnx/data-type'
import type { Lowering } from '../onnx/lowering'
import { microsoft } from '../onnx/lowering'
import type { ConstantSource } from '../tensor'
import { nf4Levels } from './nf4'
import { type Int4Weight, type Int8Weight, inMemory, type Nf4Weight, type QuantizedWeight, rangeOf } from './weight'

/** `forward`: x·Wᵀ from inputs to outputs. `backward`: g·W, the way gradients take. */
export type Direction = 'forward' | 'backward'

/** A product to lower: its operand by name, and the shape of the result. */
export interface ProductCall {
  /** [..., in or out] */
  readonly x: string
  readonly weight: QuantizedWeight
  readonly direction: Direction
  readonly shape: Shape
}

/** ONNX nodes of a product with a quantised weight; returns the name of the result. */
export const lowerProduct = (onnx: Lowering, call: ProductCall): string => {
  const { x, weight, direction } = call
  if (onnx.target !== 'webgpu') {
    if (weight.scheme === 'int8') return int8Product(onnx, call, weight)
    if (direction === 'forward' && kernelBlocks.includes(weight.block))
      return weight.scheme === 'int4' ? int4Forward(onnx, x, weight) : nf4Forward(onnx, x, weight)
  }
  const wide = lowerDequantized(onnx, weight, x)
  return onnx.node('MatMul', [x, direction === 'backward' ? wide : onnx.node('Transpose', [wide], { perm: [1, 0] })])
}

/** Block sizes that ONNX Runtime's kernels for 4 bits take; other weights are widened. */
const kernelBlocks: readonly number[] = [16, 32, 64, 128, 256]

/** ONNX nodes of a product plus `addend`, which has its shape, where they take one pass less; undefined elsewhere. */
export const lowerProductSum = (onnx: Lowering, call: ProductCall, addend: string): string | undefined => {
  const { weight } = call
  if (onnx.target !== 'cpu' || weight.scheme !== 'int8') return undefined // browsers do not have the kernel
  const tiles = tilesTowards(weight, call.direction)
  if (tiles.length > 1) return undefined
  const rows = rowCodes(onnx, call)
  return onnx.node('GatedAdd', [addend, integerProduct(onnx, rows, tiles[0]!), rows.scales], {}, microsoft)
}

const int8Product = (onnx: Lowering, call: ProductCall, weight: Int8Weight): string => {
  const rows = rowCodes(onnx, call)
  const products = tilesTowards(weight, call.direction).map((tile) =>
    onnx.node('Mul', [integerProduct(onnx, rows, tile), rows.scales]),
  )
  return products.length === 1 ? products[0]! : onnx.node('Concat', products, { axis: call.shape.length - 1 })
}

/** The product, but for the scales of its rows. */
const integerProduct = (onnx: Lowering, { codes }: RowCodes, tile: Tile): string => {
  const [one, zero] = [onnx.constant('float32', [], [1]), onnx.constant('uint8', [], [zeroPoint])]
  const operands = [codes, onnx.initializer(tile.codes), one, onnx.initializer(tile.scales), zero]
  return onnx.node('MatMulIntegerToFloat', operands, {}, microsoft)
}

/** Code of zero in an operand that was rounded to unsigned bytes. */
const zeroPoint = 128

/** Rows that were rounded to 8 bits: codes in their shape [..., width], and the scales [..., 1]. */
interface RowCodes {
  readonly codes: string
  readonly scales: string
}

/**
 * Rows of a product's operand rounded to 8 bits, each by its own largest magnitude: one scale for all would leave
 * nothing of small rows where a single token has huge activations, as the first one of a text often has. Products that
 * share x share these nodes, because ONNX Runtime merges equal ones. A row is one block of QuantizeLinear, whose kernel
 * for blocks uses all threads; the one for a scale per row uses one.
 */
const rowCodes = (onnx: Lowering, { x, weight, direction, shape }: ProductCall): RowCodes => {
  const width = direction === 'forward' ? weight.inputs : weight.outputs
  const axis = onnx.constant('int64', [1], [-1])
  const [highest, lowest] = [onnx.node('ReduceMax', [x, axis]), onnx.node('ReduceMin', [x, axis])]
  const least = onnx.constant('float32', [], [1e-28]) // for rows of zeros
  const most = onnx.node('Max', [highest, onnx.node('Neg', [lowest]), least])
  const scales = onnx.node('Mul', [most, onnx.constant('float32', [], [1 / 127])])
  const zeros = onnx.node('Expand', [onnx.constant('uint8', [], [zeroPoint]), onnx.shape(shape.with(-1, 1))])
  return { codes: onnx.node('QuantizeLinear', [x, scales, zeros], { axis: -1, block_size: width }), scales }
}

interface Tile {
  /** [in, tile] */
  readonly codes: ConstantSource
  /** [tile] */
  readonly scales: ConstantSource
}

/** What a product in this direction multiplies with, tile by tile of its results. */
const tilesTowards = (weight: Int8Weight, direction: Direction): Tile[] =>
  direction === 'forward' ? tilesOf(weight) : [{ codes: weight.backwardCodes, scales: weight.backwardScales }]

const tilesOf = ({ codes, scales, outputs, inputs, tile }: Int8Weight): Tile[] =>
  Array.from({ length: Math.ceil(outputs / tile) }, (_, t) => {
    const begin = t * tile
    const width = Math.min(tile, outputs - begin)
    return {
      codes: rangeOf(codes, begin * inputs, width * inputs, [inputs, width]),
      scales: rangeOf(scales, begin, width, [width]),
    }
  })

const int4Forward = (onnx: Lowering, x: string, weight: Int4Weight): string => {
  const { packed, scales, outputs, inputs, block, products } = weight
  const sizes = { K: inputs, N: outputs, bits: 4, block_size: block }
  const level = products === 'int8' ? 4 : 1 // accuracy levels of MatMulNBits: 1 is float32, 4 int8
  return onnx.node(
    'MatMulNBits',
    [x, onnx.initializer(packed), onnx.initializer(scales)],
    { ...sizes, accuracy_level: level },
    microsoft,
  )
}

const nf4Forward = (onnx: Lowering, x: string, { packed, scales, outputs, inputs, block }: Nf4Weight): string =>
  onnx.node(
    'MatMulBnb4',
    [x, onnx.initializer(packed), onnx.initializer(scales)],
    { K: inputs, N: outputs, block_size: block, quant_type: 1 },
    microsoft,
  )

/**
 * ONNX nodes that widen a quantised weight to float32 [out, in].
 *
 * @param signal name of something that is only known at run time; it keeps ONNX Runtime from storing the wide weight
 */
export const lowerDequantized = (onnx: Lowering, weight: QuantizedWeight, signal?: string): string => {
  const { scheme } = weight
  if (scheme === 'int8') return int8Dequantized(onnx, weight)
  if (scheme === 'nf4') return nf4Dequantized(onnx, weight, signal)
  return int4Dequantized(onnx, weight)
}

const int8Dequantized = (onnx: Lowering, weight: Int8Weight): string => {
  const tiles = tilesOf(weight).map(({ codes, scales }) =>
    onnx.node('DequantizeLinear', [onnx.initializer(codes), onnx.initializer(scales)], { axis: 1 }),
  )
  const wide = tiles.length === 1 ? tiles[0]! : onnx.node('Concat', tiles, { axis: 1 })
  return onnx.node('Transpose', [wide], { perm: [1, 0] })
}

const int4Dequantized = (onnx: Lowering, { packed, scales, outputs, inputs, block }: Int4Weight): string => {
  const blocks = Math.ceil(inputs / block)
  const codes = onnx.initializer({ ...packed, shape: [outputs, blocks * block], packing: 'uint4' })
  const zeros = new Uint8Array(Math.ceil((outputs * blocks) / 2)).fill(0x88)
  const zero = onnx.initializer({ ...inMemory('uint8', zeros, [outputs, blocks]), packing: 'uint4' })
  const attributes = { axis: 1, block_size: block }
  const wide = onnx.node('DequantizeLinear', [codes, onnx.initializer(scales), zero], attributes)
  if (blocks * block === inputs) return wide
  const [begin, end, axis] = [0, inputs, 1].map((value) => onnx.constant('int64', [1], [value]))
  return onnx.node('Slice', [wide, begin!, end!, axis!])
}

const nf4Dequantized = (
  onnx: Lowering,
  { packed, scales, outputs, inputs, block }: Nf4Weight,
  signal: string | undefined,
): string => {
  const size = outputs * inputs
  const stored = onnx.initializer(packed)
  const bytes = signal === undefined ? stored : lowerAfter(onnx, stored, signal)
  const high = onnx.node('BitShift', [bytes, onnx.constant('uint8', [], [4])], { direction: 'RIGHT' })
  const low = onnx.node('BitwiseAnd', [bytes, onnx.constant('uint8', [], [15])])
  const column = (name: string) => onnx.node('Unsqueeze', [name, onnx.constant('int64', [1], [1])])
  const pairs = onnx.node('Concat', [column(high), column(low)], { axis: 1 })
  const codes = onnx.node('Cast', [pairs], { to: dataType.int32 })
  const levels = onnx.node('Gather', [onnx.constant('float32', [16], nf4Levels), codes])
  const flat = (name: string, shape: readonly number[]) =>
    onnx.node('Reshape', [name, onnx.constant('int64', [shape.length], shape)])
  const padded = padTo(onnx, flat(levels, [-1]), { from: packed.shape[0]! * 2, to: scales.shape[0]! * block })
  const wide = onnx.node('Mul', [flat(padded, [-1, block]), flat(onnx.initializer(scales), [-1, 1])])
  const [begin, end, axis] = [0, size, 0].map((value) => onnx.constant('int64', [1], [value]))
  return flat(onnx.node('Slice', [flat(wide, [-1]), begin!, end!, axis!]), [outputs, inputs])
}

const padTo = (onnx: Lowering, name: string, { from, to }: { readonly from: number; readonly to: number }): string =>
  from >= to ? name : onnx.node('Pad', [name, onnx.constant('int64', [2], [0, to - from])])
