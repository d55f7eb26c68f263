import type { NdArray } from './array'
import { array } from './array'
import { type Dim, dimension, type Shape, shapeText } from './dimension'
import { convertElements, type DType, isNumeric, type TypedArray } from './dtype'
import { DTypeError, ShapeError, TensorError } from './errors'
import type { Lowering } from './onnx/lowering'
import { recordOrigin } from './origin'
import { lowerDequantized } from './quantize/lower'
import { dequantize, type QuantizedWeight, quantizedRows, rangeOf } from './quantize/weight'
import { type Value, valuesOf } from './reference/value'

/** Element type and shape of a traced value. */
export interface TensorType {
  readonly dtype: DType
  readonly shape: Shape
}

/** One application of an operation. Plain data: it owns no memory and needs no disposal. */
export interface Node {
  readonly op: Op<never>
  readonly inputs: readonly Tensor[]
  readonly attributes: unknown
  readonly outputs: readonly TensorType[]
  /** Where it was applied, when its trace keeps that; see `trace`. */
  readonly origin?: Error
}

/** A traced value: output `index` of a node. It has a type, but no elements until a program runs. */
export class Tensor implements TensorType {
  readonly node: Node
  readonly index: number

  constructor(node: Node, index = 0) {
    this.node = node
    this.index = index
  }

  get dtype(): DType {
    return this.node.outputs[this.index]!.dtype
  }

  /** Axis lengths; named dimensions stay symbolic. */
  get shape(): Shape {
    return this.node.outputs[this.index]!.shape
  }

  toString(): string {
    return `${this.node.op.name}: ${this.dtype}${shapeText(this.shape)}`
  }
}

/** What a gradient rule sees of the call it differentiates. */
export interface Call<Attributes> {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly attributes: Attributes
}

/** Gradient for one operand: a tensor, a function that builds it when it is wanted, or nothing where it is zero. */
export type OperandGradient = Tensor | (() => Tensor | undefined) | undefined

/**
 * Vector-Jacobian product of an op: gradients of its operands from the gradients of its results (undefined where a
 * result does not matter). Written in traced tensors, so gradients of gradients come for free.
 */
export type GradientRule<Attributes> = (
  call: Call<Attributes>,
  cotangents: readonly (Tensor | undefined)[],
) => readonly OperandGradient[]

/**
 * Everything the system knows about an operation. A missing part does not type-check.
 * Users define their own with `defineOp` the same way as this package does.
 */
export interface Op<Attributes> {
  /** Name in printed traces and errors. */
  readonly name: string
  /** Types of the results; throws ShapeError or DTypeError with a full sentence when operands do not fit. */
  infer(inputs: readonly TensorType[], attributes: Attributes): TensorType | readonly TensorType[]
  /** Gradient rule, or `none` for ops that are constant almost everywhere or integer-valued. */
  readonly gradient: GradientRule<Attributes> | 'none'
  /** ONNX nodes; returns the names of the results, '' for one that nobody reads. */
  lower(onnx: Lowering, inputs: readonly string[], call: LoweredCall<Attributes>): string | readonly string[]
  /**
   * ONNX nodes of the result plus `addend`, a tensor of its shape, where they take fewer passes than `lower` and an
   * addition; undefined where they do not. For ops with one result. The numbers must be those of the two, but for one rounding less, and the last
   * node must go element by element: its result may be written over its operands.
   */
  lowerSum?(
    onnx: Lowering,
    inputs: readonly string[],
    addend: string,
    call: LoweredCall<Attributes>,
  ): string | undefined
  /**
   * What a call takes, for `programCost`: floating-point operations (default: one for each element of the results),
   * `move` where elements are only copied to other places, or `view` where the result is the first operand's memory.
   */
  readonly work?: 'view' | 'move' | ((call: LoweredCall<Attributes>) => Dim)
  /** Constants that a call reads besides its operands, for `programCost`; none unless given. */
  constants?(attributes: Attributes): readonly ConstantSource[]
  /** Reference result in float64. */
  evaluate(inputs: readonly Value[], attributes: Attributes, context: Evaluation): Value | readonly Value[]
}

/** What the reference evaluator tells an op about the call it runs. */
export interface Evaluation {
  readonly outputs: readonly ConcreteType[]
  /** Length of a dimension in this call. */
  bind(dim: Dim): number
}

/** Types and attributes of the call being lowered. */
export interface LoweredCall<Attributes> {
  readonly attributes: Attributes
  readonly inputs: readonly TensorType[]
  readonly outputs: readonly TensorType[]
}

/** A type whose dimensions are all known. */
export interface ConcreteType {
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** Applies `op`: checks its operands and returns its results as traced tensors. */
export const applyAll = <A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor[] => {
  const inferred = op.infer(inputs, attributes)
  const outputs = Array.isArray(inferred) ? (inferred as readonly TensorType[]) : [inferred as TensorType]
  const origin = inputs.some((operand) => operand.node.origin) ? recordOrigin() : undefined
  const node: Node = { op: op as Op<never>, inputs, attributes, outputs, ...(origin && { origin }) }
  return outputs.map((_, index) => new Tensor(node, index))
}

/** Applies an op with one result. */
export const apply = <A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor => {
  const results = applyAll(op, inputs, attributes)
  return results[0]!
}

/** A function that applies `op`. This is how an op of your own is made; see the guide "How to add an op". */
export const defineOp =
  <A = undefined>(op: Op<A>): ((inputs: readonly Tensor[], attributes: A) => Tensor) =>
  (inputs, attributes) =>
    apply(op, inputs, attributes)

/** Something that stands for a tensor in an expression; numbers take the type of the other operand. */
export type TensorLike = Tensor | number

/** Elements that a program carries in itself: in memory, or a range of a file that is mapped, not copied. */
export interface ConstantSource extends ConcreteType {
  /** Where the bytes lie when they are a range of a file. */
  readonly location?: { readonly path: string; readonly offset: number; readonly byteLength: number }
  /** The elements; reads the file range where there is one. */
  read(): TypedArray
  /** `uint4` where a byte holds two elements, the first one low; the shape counts elements. Only ops write such constants. */
  readonly packing?: 'uint4'
  /** Set where the elements are a quantised matrix: products use its few bits, everything else widens it. */
  readonly quantized?: QuantizedMatrix
}

/** A quantised weight as a matrix: outputs along axis 0 ([out, in]) or axis 1 ([in, out]). */
export interface QuantizedMatrix {
  readonly weight: QuantizedWeight
  readonly outputAxis: 0 | 1
}

const constantOp: Op<ConstantSource> = {
  name: 'constant',
  infer: (_, source) => ({ dtype: source.dtype, shape: source.shape }),
  gradient: 'none',
  lower: (onnx, _, { attributes }) =>
    attributes.quantized ? lowerMatrix(onnx, attributes.quantized) : onnx.initializer(attributes),
  evaluate: (_, source) => ({ shape: source.shape, data: valuesOf(source.dtype, source.read()) }),
}

const lowerMatrix = (onnx: Lowering, { weight, outputAxis }: QuantizedMatrix): string => {
  const wide = lowerDequantized(onnx, weight)
  return outputAxis === 0 ? wide : onnx.node('Transpose', [wide], { perm: [1, 0] })
}

/**
 * A constant of the program: numbers, an array, a range of a file, or a quantised weight, which is a float32 matrix
 * [out, in] whose products run on its few bits. Closing over an array in a traced function needs this call; arguments do not.
 */
export const constant = (value: number | NdArray | ConstantSource | QuantizedWeight, dtype?: DType): Tensor => {
  if (typeof value === 'number') return scalar(value, dtype ?? 'float32')
  if ('scheme' in value) return apply(constantOp, [], quantizedSource(value))
  if ('read' in value) return apply(constantOp, [], value)
  const data = convertElements(value.dtype, value.data, dtype ?? value.dtype)
  return apply(constantOp, [], { dtype: dtype ?? value.dtype, shape: value.shape, read: () => data })
}

/**
 * A quantised weight as the source of a constant, for models that hand out sources.
 *
 * @param outputAxis 0 for a matrix [out, in]; 1 for [in, out], as GPT-2 stores them
 */
export const quantizedSource = (weight: QuantizedWeight, outputAxis: 0 | 1 = 0): ConstantSource => {
  const { outputs, inputs } = weight
  const read = () => dequantize(weight)
  const quantized = { weight, outputAxis }
  if (outputAxis === 0) return { dtype: 'float32', shape: [outputs, inputs], read, quantized }
  return { dtype: 'float32', shape: [inputs, outputs], read: () => exchangeAxes(read(), inputs), quantized }
}

/** A matrix [rows, columns] as [columns, rows]. */
const exchangeAxes = (data: Float32Array, columns: number): Float32Array => {
  const rows = columns === 0 ? 0 : data.length / columns
  return data.map((_, k) => data[(k % rows) * columns + Math.floor(k / rows)]!)
}

const scalar = (value: number, dtype: DType): Tensor => {
  const data = array(value, { dtype }).data
  return apply(constantOp, [], { dtype, shape: [], read: () => data })
}

/** The source of a constant tensor; undefined for every other tensor. */
export const constantSource = (tensor: Tensor): ConstantSource | undefined =>
  tensor.node.op === (constantOp as Op<never>) ? (tensor.node.attributes as ConstantSource) : undefined

/** The value of a scalar constant in memory; undefined for every other tensor. */
export const scalarValue = (tensor: Tensor): number | undefined => {
  const source = constantSource(tensor)
  return source && source.shape.length === 0 && !source.location ? valuesOf(source.dtype, source.read())[0] : undefined
}

/**
 * Rows `begin` to `end` of a constant as a constant of its own that shares the same memory or file range.
 * Undefined when `tensor` is not a constant, or a quantised one whose rows do not lie in one piece.
 */
export const constantRows = (tensor: Tensor, begin: number, end: number): Tensor | undefined => {
  const source = constantSource(tensor)
  if (!source || source.shape.length === 0) return undefined
  if (source.quantized) return rowsOfMatrix(source.quantized, begin, end)
  const row = source.shape.slice(1).reduce((product, length) => product * length, 1)
  const shape = [end - begin, ...source.shape.slice(1)]
  return apply(constantOp, [], rangeOf(source, begin * row, (end - begin) * row, shape))
}

const rowsOfMatrix = ({ weight, outputAxis }: QuantizedMatrix, begin: number, end: number): Tensor | undefined => {
  const rows = outputAxis === 0 ? quantizedRows(weight, begin, end) : undefined
  return rows && apply(constantOp, [], quantizedSource(rows))
}

interface InputAttributes extends TensorType {
  readonly name: string
}

const inputOp: Op<InputAttributes> = {
  name: 'input',
  infer: (_, { dtype, shape }) => ({ dtype, shape }),
  gradient: 'none',
  lower: (_, __, { attributes }) => attributes.name,
  evaluate: (_, { name }) => {
    throw new TensorError('argument', `evaluate: input '${name}' must be given, got nothing. Pass it as an argument.`)
  },
}

/** A placeholder for an argument of a program; `compile` makes these from the declared inputs. */
export const input = (name: string, { dtype, shape }: TensorType): Tensor => apply(inputOp, [], { name, dtype, shape })

/** True for a placeholder made by `input`. */
export const isInput = (tensor: Tensor): boolean => tensor.node.op === (inputOp as Op<never>)

/** Name of a placeholder made by `input`. */
export const inputName = (tensor: Tensor): string => (tensor.node.attributes as InputAttributes).name

const spec =
  (dtype: DType) =>
  (...shape: (number | string | Dim)[]): TensorType => ({
    dtype,
    shape: shape.map((dim) => (typeof dim === 'string' ? dimension(dim) : dim)),
  })

/** Type of a float32 argument: `f32('B', 3)`. Names are dimensions whose size every call may choose. */
export const f32 = spec('float32')
/** Type of a float16 argument: a storage type, to be cast before computing with it. */
export const f16 = spec('float16')
/** Type of an int32 argument. */
export const i32 = spec('int32')
/** Type of an int64 argument. */
export const i64 = spec('int64')
/** Type of a boolean argument. */
export const bool = spec('bool')

/** Operands as tensors of one dtype; numbers become scalars of the tensor's type. @throws DTypeError when they differ */
export const unify = (op: string, a: TensorLike, b: TensorLike): [Tensor, Tensor] => {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : 'float32'
  const left = a instanceof Tensor ? a : scalar(a, dtype)
  const right = b instanceof Tensor ? b : scalar(b, dtype)
  if (left.dtype !== right.dtype)
    throw new DTypeError(
      `${op}: operands must have one dtype, got ${left.dtype}${shapeText(left.shape)} and ${right.dtype}${shapeText(right.shape)}. Cast one with cast(x, '${left.dtype}').`,
      { op, shapes: [shapeText(left.shape), shapeText(right.shape)] },
    )
  return [left, right]
}

/** @throws DTypeError unless the operand is float32 or float64; 16-bit floats are storage types */
export const requireFloating = (op: string, type: TensorType): void => {
  if (type.dtype !== 'float32' && type.dtype !== 'float64')
    throw wrongType(op, type, 'expected a float32 tensor', "Cast it with cast(x, 'float32').")
}

/** @throws DTypeError unless every operand has a type that programs compute with */
export const requireNumeric = (op: string, ...types: readonly TensorType[]): void => {
  for (const type of types)
    if (!isNumeric(type.dtype))
      throw wrongType(op, type, 'expected float32, int32 or int64', "Cast it with cast(x, 'float32').")
}

/** @throws DTypeError unless every operand is boolean */
export const requireBool = (op: string, ...types: readonly TensorType[]): void => {
  for (const type of types)
    if (type.dtype !== 'bool') throw wrongType(op, type, 'expected a bool tensor', "Compare first, or cast to 'bool'.")
}

/** @throws DTypeError unless the operand is int32 or int64 */
export const requireIndices = (op: string, type: TensorType): void => {
  if (type.dtype !== 'int32' && type.dtype !== 'int64')
    throw wrongType(op, type, 'indices must be int32 or int64', "Cast them with cast(x, 'int64').")
}

const wrongType = (op: string, { dtype, shape }: TensorType, expected: string, advice: string): DTypeError =>
  new DTypeError(`${op}: ${expected}, got ${dtype}${shapeText(shape)}. ${advice}`, { op, shapes: [shapeText(shape)] })

/** @throws ShapeError unless the operand has exactly `rank` axes */
export const requireRank = (op: string, type: TensorType, rank: number): void => {
  if (type.shape.length !== rank)
    throw new ShapeError(`${op}: expected ${rank} axes, got ${shapeText(type.shape)}. Reshape the operand.`, {
      op,
      shapes: [shapeText(type.shape)],
    })
}
