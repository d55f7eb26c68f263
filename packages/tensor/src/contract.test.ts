import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NdArray } from './array'
import { bindDim, bindShape, type Shape } from './dimension'
import { isFloating, toTyped } from './dtype'
import { concat, flatten } from './ops/reshape'
import { evaluateProgram } from './reference/evaluate'
import type { Runtime } from './runtime'
import { nodeRuntime } from './runtimes/node'
import type { Tensor, TensorType } from './tensor'
import { type Case, cases } from './test/cases'
import { type Program, trace } from './trace'
import { vjp } from './transform/gradient'

type Sizes = ReadonlyMap<string, number>
type Fn = (...inputs: Tensor[]) => Tensor

const floats = (tensors: readonly Tensor[]) => tensors.filter(({ dtype }) => isFloating(dtype))

/** Jᵀ·weights for the floating operands. */
const pulled = (fn: Fn, inputs: readonly Tensor[], weights: (y: Tensor) => Tensor): Tensor[] => {
  const free = floats(inputs)
  const all = (...given: Tensor[]) => inputs.map((operand) => (isFloating(operand.dtype) ? given.shift()! : operand))
  const [[y], pullback] = vjp((...given) => fn(...all(...given)), ...free)
  return pullback(weights(y!))
}

/** Gradient of ½·Σy² as one flat tensor: a function whose own gradient needs second derivatives. */
const squareGradient =
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

const drawn = ({ inputs }: Case, sizes: Sizes, seed: number): NdArray[] =>
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

const weightsFor = (shape: Shape, sizes: Sizes): NdArray => {
  const bound = bindShape(shape, sizes)
  return {
    dtype: 'float64',
    shape: bound,
    data: Float64Array.from({ length: elements(bound) }, (_, i) => Math.fround(Math.cos(3 * i + 1))),
  }
}

const sizesOf = (least: number) =>
  fc.tuple(...['A', 'B', 'C'].map((name) => fc.tuple(fc.constant(name), fc.integer({ min: least, max: 3 }))))

/** Programs of one function: its result, and the gradients of ⟨result, weights⟩ where there are any. */
const programsOf = (types: readonly TensorType[], fn: Fn) => {
  const forward = trace(fn, types as never)
  const { dtype, shape } = forward.result as Tensor
  const differentiable = isFloating(dtype) && types.some((type) => isFloating(type.dtype))
  const both = (weights: Tensor, ...inputs: Tensor[]) => [fn(...inputs), ...pulled(fn, inputs, () => weights)]
  const withGradient = differentiable ? trace(both, [{ dtype, shape }, ...types] as never).program : undefined
  return { forward: forward.program, withGradient, shape }
}

const numbers = (values: ArrayLike<number | bigint>): number[] => Array.from<number | bigint, number>(values, Number)

const dot = (a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>) =>
  numbers(a).reduce((total, value, i) => total + value * Number(b[i]), 0)

/** Central differences of ⟨result, weights⟩ for every element of floating operand `at`. */
const differences = (forward: Program, inputs: readonly NdArray[], at: number, weights: NdArray, sizes: Sizes) => {
  const step = 1e-5
  const shifted = (i: number, by: number) => {
    const data = (inputs[at]!.data as Float64Array).map((value, j) => (i === j ? value + by : value))
    return dot(evaluateProgram(forward, inputs.with(at, { ...inputs[at]!, data }), sizes)[0]!.data, weights.data)
  }
  return Array.from(inputs[at]!.data as Float64Array, (_, i) => (shifted(i, step) - shifted(i, -step)) / (2 * step))
}

const expectClose = (actual: NdArray, expected: ArrayLike<number | bigint>, tolerance: number, what: string): void => {
  expect(actual.data.length, what).toBe(expected.length)
  numbers(expected).forEach((value, i) => {
    const got = Number(actual.data[i])
    const equal = Object.is(got, value) || Math.abs(got - value) <= tolerance * Math.max(1, Math.abs(value))
    if (!equal) expect.fail(`${what}[${i}]: expected ${value}, got ${got}`)
  })
}

const checkGradient = (entry: Case, fn: Fn, tolerance: number) => {
  const { forward, withGradient, shape } = programsOf(
    entry.inputs.map(({ type }) => type),
    fn,
  )
  return fc.property(sizesOf(entry.least ?? 0), fc.nat(999), (pairs, seed) => {
    const sizes: Sizes = new Map(pairs)
    const inputs = drawn(entry, sizes, seed)
    const weights = weightsFor(shape, sizes)
    const [, ...gradients] = evaluateProgram(withGradient!, [weights, ...inputs], sizes)
    const free = entry.inputs.flatMap(({ type }, at) => (isFloating(type.dtype) ? [at] : []))
    free.forEach((at, i) => {
      const expected = differences(forward, inputs, at, weights, sizes)
      expectClose(gradients[i]!, expected, tolerance, `gradient of operand ${at}`)
    })
  })
}

const differentiable = cases.filter(
  ({ inputs, fn }) =>
    programsOf(
      inputs.map(({ type }) => type),
      fn,
    ).withGradient,
)

describe('gradients equal central differences in float64', () => {
  test.each(differentiable)('$name', (entry) => {
    fc.assert(checkGradient(entry, entry.fn, 1e-7), { seed: 11, numRuns: 12 })
  })
})

describe('gradients of gradients equal central differences in float64', () => {
  test.each(differentiable)('$name', (entry) => {
    fc.assert(checkGradient(entry, squareGradient(entry.fn), 1e-6), { seed: 12, numRuns: 6 })
  })
})

describe('nodeRuntime equals referenceRuntime in float32', () => {
  let runtime: Runtime
  beforeAll(async () => {
    runtime = await nodeRuntime({ threads: 1 })
  })
  afterAll(() => runtime.dispose())

  const narrow = (array: NdArray): NdArray =>
    array.dtype === 'float64' ? { ...array, dtype: 'float32', data: toTyped('float32', array.data) } : array

  test.each(cases)('$name', async (entry) => {
    const types = entry.inputs.map(({ type }) => type)
    const { forward, withGradient, shape } = programsOf(types, entry.fn)
    const program = withGradient ?? forward
    const executable = await runtime.load(program)
    const property = fc.asyncProperty(
      sizesOf(entry.leastOnNode ?? entry.least ?? 0),
      fc.nat(999),
      async (pairs, seed) => {
        const sizes: Sizes = new Map(pairs)
        const inputs = [...(withGradient ? [weightsFor(shape, sizes)] : []), ...drawn(entry, sizes, seed)]
        const expected = evaluateProgram(program, inputs, sizes)
        const actual = await executable.run(
          inputs.map(narrow),
          program.outputs.map(() => undefined),
        )
        actual.forEach((array, i) => {
          expect(array!.shape).toEqual(program.outputs[i]!.shape.map((dim) => bindDim(dim, sizes)))
          expectClose(array!, expected[i]!.data, 1e-5, i === 0 ? 'result' : `gradient ${i - 1}`)
        })
      },
    )
    await fc.assert(property, { seed: 13, numRuns: 12 })
    await executable.dispose()
  })
})
