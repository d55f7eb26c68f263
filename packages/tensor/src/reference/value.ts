import { convertElements, type DType, type TypedArray } from '../dtype'

/** Elements of the reference evaluator: float64 whatever the traced dtype, row-major; booleans are 0 and 1. */
export interface Value {
  readonly shape: readonly number[]
  readonly data: Float64Array
}

/** The elements of a typed array by value: 16-bit floats widened, int64 as numbers. A copy. */
export const valuesOf = (dtype: DType, data: TypedArray): Float64Array =>
  dtype === 'float64' ? (data as Float64Array).slice() : (convertElements(dtype, data, 'float64') as Float64Array)

/** Row-major strides of `shape`, with 0 on axes that broadcast from 1 to the length in `target`. */
export const stridesFor = (shape: readonly number[], target: readonly number[] = shape): number[] => {
  const strides = new Array<number>(target.length).fill(0)
  let step = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const at = axis + target.length - shape.length
    strides[at] = shape[axis] === 1 && target[at] !== 1 ? 0 : step
    step *= shape[axis]!
  }
  return strides
}

/** Number of elements of `shape`. */
export const count = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)

/** Calls `visit` with the flat target index and the source offset for every element of `target` read with `strides`. */
export const walk = (
  target: readonly number[],
  strides: readonly number[],
  visit: (index: number, offset: number) => void,
): void => {
  const position = new Array<number>(target.length).fill(0)
  const total = count(target)
  let offset = 0
  for (let index = 0; index < total; index++) {
    visit(index, offset)
    for (let axis = target.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!
      if (++position[axis]! < target[axis]!) break
      offset -= strides[axis]! * target[axis]!
      position[axis] = 0
    }
  }
}

/** `data` of `value` stretched to `target`. */
export const stretch = (value: Value, target: readonly number[]): Float64Array => {
  const result = new Float64Array(count(target))
  walk(target, stridesFor(value.shape, target), (index, offset) => {
    result[index] = value.data[offset]!
  })
  return result
}
