import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  abs,
  add,
  applyAll,
  array,
  compile,
  DTypeError,
  defineOp,
  div,
  f32,
  grad,
  i64,
  input,
  mul,
  type Op,
  programText,
  type Runtime,
  referenceRuntime,
  square,
  sum,
  type Tensor,
  trace,
} from './index'
import { nodeRuntime } from './node'

const applySoftsign = defineOp({
  name: 'softsign',
  infer: ([x]) => {
    if (x!.dtype !== 'float32') throw new DTypeError(`softsign: expected float32, got ${x!.dtype}. Cast it.`)
    return { dtype: x!.dtype, shape: x!.shape }
  },
  gradient: ({ inputs: [x] }, [g]) => [() => div(g!, square(add(abs(x!), 1)))],
  lower: (onnx, [x]) => onnx.node('Softsign', [x!]),
  evaluate: ([x]) => ({ shape: x!.shape, data: x!.data.map((v) => v / (1 + Math.abs(v))) }),
})
const softsign = (x: Tensor): Tensor => applySoftsign([x], undefined)

/** Quotient and remainder: an op with attributes and two results. */
const divideOp: Op<{ readonly by: number }> = {
  name: 'divideBy',
  infer: ([x]) => [x!, x!],
  gradient: 'none',
  lower: (onnx, [x], { attributes: { by } }) => {
    const divisor = onnx.constant('int64', [], [by])
    return [onnx.node('Div', [x!, divisor]), onnx.node('Mod', [x!, divisor])]
  },
  evaluate: ([x], { by }) => [
    { shape: x!.shape, data: x!.data.map((v) => Math.trunc(v / by)) },
    { shape: x!.shape, data: x!.data.map((v) => v % by) },
  ],
}

describe.each(['reference', 'node'])('an op of a user on the %s runtime', (name) => {
  let runtime: Runtime
  beforeAll(async () => {
    runtime = name === 'node' ? await nodeRuntime({ threads: 1 }) : referenceRuntime()
  })
  afterAll(() => runtime.dispose())

  const at = async (fn: (x: Tensor) => Tensor, values: number[]) => {
    const run = compile(fn, { runtime, inputs: [f32('N')] })
    return Array.from((await run(array(values, { shape: [values.length] }))).data as Float32Array)
  }

  test('has its values, its gradient and the gradient of its gradient', async () => {
    const points = [-2, -0.5, 0.25, 3]
    const total = (x: Tensor) => sum(softsign(x))
    const slope: (x: Tensor) => Tensor = grad(total)
    const bend: (x: Tensor) => Tensor = grad((x: Tensor) => sum(slope(x)))
    const expected = (fn: (x: number) => number) => points.map((x) => expect.closeTo(fn(x), 5))
    expect(await at(softsign, points)).toEqual(expected((x) => x / (1 + Math.abs(x))))
    expect(await at(slope, points)).toEqual(expected((x) => (1 + Math.abs(x)) ** -2))
    expect(await at(bend, points)).toEqual(expected((x) => (-2 * Math.sign(x)) / (1 + Math.abs(x)) ** 3))
  })

  test('works beside ops of this package, for every size, 0 included', async () => {
    expect(await at((x) => mul(softsign(add(x, 1)), 2), [0])).toEqual([1])
    expect(await at((x) => mul(softsign(x), 2), [])).toEqual([])
  })

  test('may have attributes and several results', async () => {
    const run = compile((x: Tensor) => applyAll(divideOp, [x], { by: 3 }), { runtime, inputs: [i64(3)] })
    const results = await run(array([7, 3, 2], { dtype: 'int64' }))
    expect(results.map(({ data }) => Array.from(data, Number))).toEqual([
      [2, 1, 0],
      [1, 0, 2],
    ])
  })
})

test('an op of a user is printed and refuses operands like any other', () => {
  expect(programText(trace(softsign, [f32('N')], { name: 'squash' }).program)).toMatchInlineSnapshot(`
    "squash($0: float32[N])
      %0: float32[N] = softsign($0)
      return %0"
  `)
  expect(() => softsign(input('ids', i64(2)))).toThrowErrorMatchingInlineSnapshot(
    `[DTypeError: softsign: expected float32, got int64. Cast it.]`,
  )
})
