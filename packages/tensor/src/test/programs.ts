import fc from 'fast-check'
import type { NdArray } from '../array'
import { bindShape, type Shape } from '../dimension'
import { isFloating, toTyped } from '../dtype'
import { flatten } from '../ops/reshape'
import { concat } from '../ops/slice'
import type { Tensor, TensorType } from '../tensor'
import { type Program, trace } from '../trace'
import { vjp } from '../transform/gradient'
import type { Case } from './case'

/** Lengths of the named dimensions. */
export type Sizes = ReadonlyMap<string, number>
/** A traced function of a case. */
export type Fn = (...inputs: Tensor[]) => Tensor

const floats = (tensors: readonly Tensor[]) => tensors.filter(({ dtype }) => isFloating(dtype))

/** Jᵀ·weights for the floating operands. */
const pulled = (fn: Fn, inputs: readonly Tensor[], weights: (y: Tensor) => Tensor): Tensor[] => {
  const free = floats(inputs)
  const all = (...given: Tensor[]) => inputs.map((operand) => (isFloating(operand.dtype) ? given.shift()! : operand))
  const [[y], pullback] = vjp((...given) => fn(...all(...given)), ...free)
  return pullback(weights(y!))
}

/** Gradient of ½·Σy² as one flat tensor: a function whose own gradient needs second derivatives. */
export const squareGradient =
  (fn: Fn): Fn =>
  (...inputs) =>
    concat(pulled(fn, inputs, (y) => y).map(flatten), 0)

const elements = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1)

/** Values without ties and far from the kinks at 0: steps of an irrational number, another one for every operand. */
const valueAt = (draw: Case['inputs'][number]['draw'], operand: number, seed: number, i: number): number => {
  const fraction = (seed / 1000 + (i + 1) * [0.6180339887, 0.4142135623, 0.7320508075, 0.2360679774][operand % 4]!) % 1
  if (draw === 'positive') return Math.fround(0.5 + 1.5 * fraction)
  if (draw === 'any') return Math.fround(4 * fraction - 1.99)
  return Math.floor(fraction * (draw === 'bit' ? 2 : 3))
}

/** Operands of a case in float64 where it says float32, exact in float32. */
export const drawn = ({ inputs }: Case, sizes: Sizes, seed: number): NdArray[] =>
  inputs.map(({ type, draw }, operand) => {
    const shape = bindShape(type.shape, sizes)
    const values = Array.from({ length: elements(shape) }, (_, i) => valueAt(draw, operand, seed, i))
    const { dtype } = type
    return {
      dtype: dtype === 'float32' ? 'float64' : dtype,
      shape,
      data: toTyped(dtype === 'float32' ? 'float64' : dtype, values),
    }
  })

/** Fixed weights for the elements of a result. */
export const weightsFor = (shape: Shape, sizes: Sizes): NdArray => {
  const bound = bindShape(shape, sizes)
  return {
    dtype: 'float64',
    shape: bound,
    data: Float64Array.from({ length: elements(bound) }, (_, i) => Math.fround(Math.cos(3 * i + 1))),
  }
}

/** Draws A, B and C between `least` and 3. */
export const sizesOf = (least: number) =>
  fc.tuple(...['A', 'B', 'C'].map((name) => fc.tuple(fc.constant(name), fc.integer({ min: least, max: 3 }))))

/** Programs of one function: its result, and the gradients of ⟨result, weights⟩ where there are any. */
export const programsOf = (
  types: readonly TensorType[],
  fn: Fn,
): { readonly forward: Program; readonly withGradient: Program | undefined; readonly shape: Shape } => {
  const forward = trace(fn, types as never)
  const { dtype, shape } = forward.result as Tensor
  const differentiable = isFloating(dtype) && types.some((type) => isFloating(type.dtype))
  const both = (weights: Tensor, ...inputs: Tensor[]) => [fn(...inputs), ...pulled(fn, inputs, () => weights)]
  const withGradient = differentiable ? trace(both, [{ dtype, shape }, ...types] as never).program : undefined
  return { forward: forward.program, withGradient, shape }
}
