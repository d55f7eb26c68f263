import { type DType, holds, type TypedArray, toTyped } from './dtype'
import { ShapeError } from './errors'

/** Elements in memory, row-major: what goes into a program and comes out of it. */
export interface NdArray {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: TypedArray
}

/** Numbers nested as deep as the array has axes. */
export type Nested = number | readonly Nested[]

const nestedShape = (values: Nested): number[] => {
  const shape: number[] = []
  for (let level = values; Array.isArray(level); level = level[0]!) shape.push(level.length)
  return shape
}

/**
 * An array of numbers: `array([[1, 2], [3, 4]])`, or a typed array with its shape.
 *
 * @param values  nested numbers, or flat typed data (kept, not copied, when it already has the right type)
 * @param options dtype (default `float32`, or what the typed array holds) and shape (default: the nesting)
 * @throws ShapeError when the number of values is not the product of the shape
 */
export const array = (
  values: Nested | TypedArray,
  options: { readonly dtype?: DType; readonly shape?: readonly number[] } = {},
): NdArray => {
  const typed = ArrayBuffer.isView(values)
  const flat = typed ? (values as TypedArray) : flattened(values as Nested)
  const dtype = options.dtype ?? (typed ? naturalType(values as TypedArray) : 'float32')
  const shape = options.shape ?? (typed ? [flat.length] : nestedShape(values as Nested))
  const size = shape.reduce((product, length) => product * length, 1)
  if (size !== flat.length)
    throw new ShapeError(
      `array: shape [${shape}] holds ${size} values, got ${flat.length}. Give as many values as the shape has.`,
    )
  return { dtype, shape, data: toTyped(dtype, flat) }
}

const flattened = (values: Nested): number[] => (typeof values === 'number' ? [values] : values.flatMap(flattened))

const naturalType = (data: TypedArray): DType => {
  for (const dtype of ['float32', 'float64', 'int8', 'uint8', 'int16', 'int32', 'uint32', 'int64'] as const)
    if (holds(dtype, data)) return dtype
  return 'float16'
}

/** Number of elements. */
export const sizeOfArray = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)
