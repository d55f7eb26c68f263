import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { array } from './array'
import { compile } from './compile'
import * as e from './ops/elementwise'
import { logSumExp } from './ops/reduce'
import { logSoftmax, softmax } from './ops/softmax'
import { argSort, sort, topK } from './ops/sort'
import type { Runtime } from './runtime'
import { nodeRuntime } from './runtimes/node'
import { referenceRuntime } from './runtimes/reference'
import { f32, type Tensor } from './tensor'
import { numbers } from './test/close'

const { NaN: nan, POSITIVE_INFINITY: inf } = Number
const points = [nan, inf, -inf, 0, -0, 1, -1, 0.5, -2.5, 100, -100, 1e-40, 3e38, -3e38]

let node: Runtime
beforeAll(async () => {
  node = await nodeRuntime({ threads: 1 })
})
afterAll(() => node.dispose())

const results = async (fn: (...inputs: Tensor[]) => Tensor, ...inputs: number[][][]) => {
  const run = (runtime: Runtime) => {
    const types = inputs.map((rows) => f32(rows.length, rows[0]!.length))
    return compile(fn, { runtime, inputs: types })(...inputs.map((rows) => array(rows)))
  }
  const [actual, expected] = await Promise.all([run(node), run(referenceRuntime())])
  return [actual, expected].map(({ data }) => numbers(data).map((value) => Math.fround(value) + 0))
}

/** Float32 results are equal where they are not finite, and close elsewhere. */
const expectAlike = (actual: number[], expected: number[]) =>
  expect(actual).toEqual(expected.map((value) => (Number.isFinite(value) ? close(value) : value)))
const close = (value: number) => expect.closeTo(value, 5 - Math.ceil(Math.log10(Math.max(1, Math.abs(value)))))

const { neg, abs, sign, exp, log, sqrt, rsqrt, reciprocal, square, floor, ceil, round } = e
const { sin, cos, tanh, sigmoid, softplus, logSigmoid, erf, relu, silu, gelu, geluTanh } = e
const unary = { neg, abs, sign, exp, log, sqrt, rsqrt, reciprocal, square, floor, ceil, round }
const smooth = {
  tanh,
  sigmoid,
  softplus,
  logSigmoid,
  erf,
  relu,
  silu,
  gelu,
  geluTanh,
  clip: (x: Tensor) => e.clip(x, -1, 2),
}
const { add, sub, mul, div, pow, maximum, minimum, equal, notEqual, less, lessEqual, greater, greaterEqual } = e
const binary = { add, sub, mul, div, pow, maximum, minimum, equal, notEqual, less, lessEqual, greater, greaterEqual }

describe('nodeRuntime and referenceRuntime agree on NaN, infinities, zeros and the ends of float32', () => {
  test.each(Object.entries({ ...unary, ...smooth }))('%s', async (_, fn) => {
    const [actual, expected] = await results(fn, [points])
    expectAlike(actual!, expected!)
  })

  test.each(Object.entries({ sin, cos }))('%s', async (_, fn) => {
    const [actual, expected] = await results(fn, [points.filter((x) => !(Math.abs(x) > 1000 && x < inf))])
    expectAlike(actual!, expected!)
  })

  test.each(Object.entries(binary))('%s', async (_, fn) => {
    const few = points.filter((x) => !(Math.abs(x) > 1e30 && Math.abs(x) < inf) && Math.abs(x) !== 1e-40)
    const [actual, expected] = await results(fn, [few.flatMap((x) => few.map(() => x))], [few.flatMap(() => few)])
    expectAlike(actual!, expected!)
  })

  const rows = [
    [nan, 1, 2],
    [1, nan, 2],
    [inf, nan, inf],
    [nan, inf, 3],
    [-inf, nan, -inf],
    [0, -0, 0],
    [2, 2, 1],
    [-inf, -inf, -inf],
  ]
  const ordering = {
    sort: (x: Tensor) => sort(x),
    'sort, falling': (x: Tensor) => sort(x, { descending: true }),
    argSort: (x: Tensor) => argSort(x),
    'argSort, falling': (x: Tensor) => argSort(x, { descending: true }),
    'topK values': (x: Tensor) => topK(x, 2)[0],
    'topK indices': (x: Tensor) => topK(x, 2)[1],
    softmax: (x: Tensor) => softmax(x),
    logSoftmax: (x: Tensor) => logSoftmax(x),
    logSumExp: (x: Tensor) => logSumExp(x, { axes: -1 }),
  }
  test.each(Object.entries(ordering))('%s', async (_, fn) => {
    const [actual, expected] = await results(fn, rows)
    expectAlike(actual!, expected!)
  })
})

test('NaN counts as Infinity in an order, and equal elements keep theirs', async () => {
  const rows = [[nan, 1, inf, nan, 1, -inf]]
  expect(await results((x) => argSort(x), rows)).toEqual([Array.of(5, 1, 4, 0, 2, 3), Array.of(5, 1, 4, 0, 2, 3)])
  expect((await results((x) => argSort(x, { descending: true }), rows))[0]).toEqual([0, 2, 3, 1, 4, 5])
})

test('adding 0 and multiplying by 1 leave operations out and change no number', async () => {
  const kept = (x: Tensor, zero: Tensor, one: Tensor) => mulAdd(x, zero, one)
  const mulAdd = (x: Tensor, zero: Tensor | number, one: Tensor | number) => div(sub(add(mul(x, one), zero), zero), one)
  const [simplified] = await results((x) => mulAdd(x, 0, 1), [points])
  const [computed] = await results(kept as never, [points], [[0]], [[1]])
  expect(simplified).toEqual(computed!.map((value) => (Math.abs(value) === 0 ? expect.closeTo(0) : value)))
})
