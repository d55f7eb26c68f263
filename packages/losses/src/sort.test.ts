import { constant, grad, mul, sum, type Tensor } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { describe, expect, it } from 'vitest'
import { floats, number, numbers, run } from '../test/support'
import { quantile } from './quantile'
import { ascending } from './sort'

describe('ascending', () => {
  it('sorts a vector, in float64 and on ONNX Runtime', async () => {
    await using runtime = await nodeRuntime()
    const x = floats([3, -1, 2, 2, 0])
    expect(numbers(await run(ascending, [x]))).toEqual([-1, 0, 2, 2, 3])
    expect(numbers(await run(ascending, [x], runtime))).toEqual([-1, 0, 2, 2, 3])
  })

  it('sends the gradient of each place to the element that took it', async () => {
    await using runtime = await nodeRuntime()
    const places = constant(floats([1, 10, 100]))
    const slope = (x: Tensor) => grad((y: Tensor) => sum(mul(ascending(y), places)))(x)
    expect(numbers(await run(slope, [floats([5, -1, 2])]))).toEqual([100, 1, 10])
    expect(numbers(await run(slope, [floats([5, -1, 2])], runtime))).toEqual([100, 1, 10])
  })

  it('refuses a matrix while tracing', async () => {
    await expect(run(ascending, [floats([1, 2, 3, 4], [2, 2])])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: ascending: expected a vector, got [2, 2]. Flatten it first.]`,
    )
  })
})

describe('quantile', () => {
  it('interpolates between neighbours: place 0.75 · 3 = 2.25 of 1, 2, 4, 8', async () => {
    expect(number(await run((x: Tensor) => quantile(x, 0.75), [floats([8, 1, 4, 2])]))).toBe(5)
    expect(number(await run((x: Tensor) => quantile(x, 1), [floats([8, 1, 4, 2])]))).toBe(8)
    expect(number(await run((x: Tensor) => quantile(x, 0), [floats([8, 1, 4, 2])]))).toBe(1)
    expect(number(await run((x: Tensor) => quantile(x, 0.5), [floats([3])]))).toBe(3)
  })
})
