import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { array } from './array'
import { compile } from './compile'
import { add, exp, mul, sin, square, sub } from './ops/elementwise'
import { matmul } from './ops/matmul'
import { mean, sum } from './ops/reduce'
import { transpose } from './ops/reshape'
import { concat, slice } from './ops/slice'
import type { Runtime } from './runtime'
import { nodeRuntime } from './runtimes/node'
import { referenceRuntime } from './runtimes/reference'
import { constant, f32, type Tensor } from './tensor'
import { trace } from './trace'
import { checkpoint } from './transform/checkpoint'
import { customGradient, stopGradient } from './transform/custom-gradient'
import { grad, valueAndGrad, vjp } from './transform/gradient'
import { mayOverwrite } from './transform/overwrite'

const numbers = ({ data }: { data: ArrayLike<number | bigint> }) => Array.from(data, Number)

describe.each(['reference', 'node'])('compile on the %s runtime', (name) => {
  let runtime: Runtime
  beforeAll(async () => {
    runtime = name === 'node' ? await nodeRuntime({ threads: 1 }) : referenceRuntime()
  })
  afterAll(() => runtime.dispose())

  /** Result for scalars x and y. */
  const at = async (fn: (x: Tensor, y: Tensor) => Tensor, x: number, y: number) =>
    numbers(await compile(fn, { runtime, inputs: [f32(), f32()] })(x, y))[0]!

  test('one program serves every size of its named dimensions, 0 included', async () => {
    let traces = 0
    const fn = (x: Tensor, y: Tensor) => {
      traces++
      return concat([x, matmul(x, y)], 1)
    }
    const run = compile(fn, { runtime, inputs: [f32('B', 2), f32(2, 'T')] })
    const shapes = []
    for (const [rows, columns] of [
      [1, 1],
      [3, 2],
      [0, 4],
    ] as const) {
      const x = array(new Float32Array(rows * 2).fill(1), { shape: [rows, 2] })
      shapes.push((await run(x, array(new Float32Array(2 * columns).fill(2), { shape: [2, columns] }))).shape)
    }
    expect(shapes).toEqual([
      [1, 3],
      [3, 4],
      [0, 6],
    ])
    expect(traces).toBe(1)
  })

  test('derived axes may become empty, and a negative one is refused', async () => {
    const next = (x: Tensor) => matmul(slice(x, 1, 1), slice(x, 1, 0, -1), { transposeA: true }) // [2, T-1, T-1]
    const total = (x: Tensor) => [next(x), sum(slice(x, 1, 1), { axes: 1 })]
    const run = compile(total, { runtime, name: 'next', inputs: [f32(2, 'T', 3)] })
    const at = async (length: number) => {
      const x = array(new Float32Array(2 * length * 3).fill(1), { shape: [2, length, 3] })
      return (await run(x)).map((result) => [result.shape, numbers(result)])
    }
    expect(await at(3)).toEqual([
      [[2, 3, 3], new Array(18).fill(2)],
      [[2, 3], new Array(6).fill(2)],
    ])
    expect(await at(1)).toEqual([
      [[2, 3, 3], new Array(18).fill(0)],
      [[2, 3], new Array(6).fill(0)],
    ])
    await expect(at(0)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: run: axis T-1 must not be negative, got -1 for T = 0. Pass longer arguments.]`,
    )
    expect((await at(3))[1]![1]).toEqual(new Array(6).fill(2))
  })

  test('an argument that was not declared is refused', async () => {
    const run = compile(({ x }: { x: Tensor }) => x, { runtime, name: 'step', inputs: [{ x: f32() }] })
    await expect(run({ x: 1, y: 2 } as never)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: run: arguments of step must be declared, got one more at 0.y. Leave it out, or declare its type.]`,
    )
  })

  test('carried state must be uploaded', async () => {
    const step = ({ a, b }: { a: Tensor; b: Tensor }) => [{ a: add(a, b), b }]
    const run = compile(step, { runtime, inputs: [{ a: f32(1), b: f32(1) }], carry: true })
    const a = await runtime.upload(array([1]))
    await expect(run({ a, b: array([2]) })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: run: carried state must be resident arrays, got an array at 0.b. Upload it with runtime.upload.]`,
    )
  })

  test('carried state must come back in its nesting, order and type', async () => {
    const type = { a: f32(2), b: f32(2) }
    const wrong = (fn: (state: { a: Tensor; b: Tensor }) => unknown) =>
      compile(fn as never, { runtime, name: 'step', inputs: [type], carry: true }).prepare()
    await expect(wrong(({ a, b }) => [{ b, a }])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: compile: step must return the carried state first, as it was given: a float32[2], got b float32[2]. Return every array of it in the same order and type.]`,
    )
    await expect(wrong(({ a }) => [{ a }])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: compile: step must return the carried state first, as it was given: b float32[2], got no more. Return every array of it in the same order and type.]`,
    )
    await expect(wrong(({ a, b }) => [{ a, b: sum(b) }])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: compile: step must return the carried state first, as it was given: b float32[2], got b float32[]. Return every array of it in the same order and type.]`,
    )
    await expect(wrong(({ a, b }) => [{ a, b }, sum(a)])).resolves.toMatchObject({ name: 'step' })
  })

  test('arguments and results keep their nesting', async () => {
    const fn = ({ w, rest: [a] }: { w: Tensor; rest: [Tensor] }, b: Tensor) => ({ sum: add(w, a), list: [mul(a, b)] })
    const run = compile(fn, { runtime, inputs: [{ w: f32(2), rest: [f32(2)] }, f32()] })
    const result = await run({ w: array([1, 2]), rest: [array([10, 20])] }, 3)
    expect([numbers(result.sum), numbers(result.list[0]!)]).toEqual([
      [11, 22],
      [30, 60],
    ])
  })

  test('without declared inputs the first call gives the types', async () => {
    const run = compile((x: Tensor) => sum(square(x)), { runtime })
    expect(numbers(await run(array([1, 2, 3])))).toEqual([14])
  })

  test('constants are captured by value of their array and may be results', async () => {
    const table = constant(
      array([
        [1, 2],
        [3, 4],
      ]),
    )
    const run = compile((x: Tensor) => [matmul(x, table), table], { runtime, inputs: [f32(1, 2)] })
    const [product, same] = await run(array([[1, 1]]))
    expect([numbers(product!), numbers(same!)]).toEqual([
      [4, 6],
      [1, 2, 3, 4],
    ])
  })

  test('carried state is updated, whether it can be overwritten or not', async () => {
    const fn = ({ a, b, m }: { a: Tensor; b: Tensor; m: Tensor }, rate: Tensor): [Record<string, Tensor>, Tensor] => [
      { a: b, b: sub(a, mul(a, rate)), m: matmul(m, m) },
      sum(a),
    ]
    const type = f32(2)
    const run = compile(fn, { runtime, inputs: [{ a: type, b: type, m: f32(2, 2) }, f32()], carry: true })
    const [a, b] = [await runtime.upload(array([1, 2])), await runtime.upload(array([10, 20]))]
    const m = await runtime.upload(
      array([
        [1, 1],
        [0, 1],
      ]),
    )
    const totals = []
    for (let i = 0; i < 3; i++) totals.push(numbers((await run({ a, b, m }, 0.5))[1])[0])
    expect(totals).toEqual([3, 30, 1.5])
    expect(numbers(await runtime.download(a))).toEqual([5, 10])
    expect(numbers(await runtime.download(b))).toEqual([0.25, 0.5])
    expect(numbers(await runtime.download(m))).toEqual([1, 8, 0, 1])
  })

  test('valueAndGrad returns the value, what stands beside it, and a gradient in the nesting of the argument', async () => {
    const loss = ({ w, b }: { w: Tensor; b: Tensor }, x: Tensor): [Tensor, Tensor] => {
      const y = add(mul(w, x), b)
      return [sum(square(y)), y]
    }
    const run = compile(valueAndGrad(loss), { runtime, inputs: [{ w: f32(2), b: f32() }, f32(2)] })
    const [[value, y], gradient] = await run({ w: array([1, 2]), b: 1 }, array([3, 4]))
    expect([numbers(value), numbers(y)]).toEqual([[97], [4, 9]])
    expect([numbers(gradient.w), numbers(gradient.b)]).toEqual([[24, 72], [26]])
  })

  test('grad of grad of x³ is 6x, and of an argument without a path zeros', async () => {
    const cube = (x: Tensor) => mul(x, mul(x, x))
    const slope: (x: Tensor) => Tensor = grad(cube)
    const bend: (x: Tensor) => Tensor = grad(slope)
    expect(await at(bend, 5, 0)).toBe(30)
    expect(await at(grad(bend), 5, 0)).toBe(6)
    expect(await at((x, y) => grad((_: Tensor) => square(y))(x), 5, 3)).toBe(0)
  })

  test('vjp pulls gradients of several results back to several arguments', async () => {
    const fn = (x: Tensor, y: Tensor) => {
      const [, pullback] = vjp((a, b) => [mul(a, b), add(a, b)], x, y)
      return pullback(constant(2), constant(3))
    }
    const [dx, dy] = await compile(fn, { runtime, inputs: [f32(), f32()] })(5, 7)
    expect([numbers(dx!), numbers(dy!)]).toEqual([[17], [13]])
  })

  test('stopGradient keeps the value and stops the gradient', async () => {
    expect(await at((x) => stopGradient(square(x)), 3, 0)).toBe(9)
    expect(await at((x) => grad((t: Tensor) => mul(t, stopGradient(square(t))))(x), 3, 0)).toBe(9)
  })

  test('customGradient differentiates by its own rule, and gradients of gradients differentiate that rule', async () => {
    const odd = (x: Tensor) =>
      customGradient({ forward: (t) => square(t), backward: ({ inputs: [t] }, g) => [mul(g!, mul(t!, mul(t!, t!)))] })(
        x,
      )[0]!
    expect(await at(odd, 3, 0)).toBe(9)
    expect(await at((x) => grad(odd)(x), 3, 0)).toBe(27)
    const slope: (x: Tensor) => Tensor = grad(odd)
    expect(await at(grad(slope), 3, 0)).toBe(27)
  })

  const captures: Record<string, (x: Tensor, y: Tensor, wrap: typeof checkpoint) => Tensor> = {
    'its input': (x, _, wrap) => wrap((t) => exp(sin(t)))(x)[0]!,
    'a captured tensor': (x, y, wrap) => wrap((t) => sin(mul(t, y)))(x)[0]!,
    'a captured tensor used through other ops inside': (x, y, wrap) => wrap((t) => mul(sin(t), exp(square(y))))(x)[0]!,
    'a captured tensor computed outside': (x, y, wrap) => {
      const outside = exp(mul(x, y))
      return wrap((t) => mul(sin(t), add(outside, y)))(x)[0]!
    },
    'its input, captured too': (x, y, wrap) => wrap((t) => mul(sin(t), exp(x)))(mul(y, x))[0]!,
    'its input by both ways': (x, _, wrap) => wrap((t) => mul(sin(t), exp(x)))(x)[0]!,
    'a result without the input': (x, y, wrap) => {
      const [a, b] = wrap((t) => [square(t), exp(y)])(x)
      return mul(a!, b!)
    },
    'a checkpoint inside': (x, y, wrap) => wrap((t) => exp(wrap((u) => sin(mul(u, y)))(t)[0]!))(x)[0]!,
  }
  const plain: typeof checkpoint =
    (fn) =>
    (...inputs) =>
      [fn(...inputs)].flat() as Tensor[]

  test.each(Object.entries(captures))('checkpoint gives equal gradients for %s', async (_, fn) => {
    const both = (wrap: typeof checkpoint) => (x: Tensor, y: Tensor) =>
      valueAndGrad((pair: [Tensor, Tensor]) => fn(...pair, wrap))([x, y]).flat() as Tensor[]
    const run = async (wrap: typeof checkpoint) =>
      (await compile(both(wrap), { runtime, inputs: [f32(), f32()] })(0.7, 0.4)).flatMap(numbers)
    const [expected, actual] = [await run(plain), await run(checkpoint)]
    expect(actual).toHaveLength(3)
    actual.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5)
    })
  })
})

describe('mayOverwrite', () => {
  const decides = (fn: (...args: Tensor[]) => readonly Tensor[]) => {
    const { program } = trace(fn, [f32(2, 2), f32(2, 2)])
    return program.outputs.slice(0, 2).map((_, i) => mayOverwrite(program, i))
  }

  test('allows a gradient step, whose readers all run before the write', () => {
    expect(decides((w, m) => [sub(w, mul(grad((v: Tensor) => mean(square(v)))(w), m)), m])).toEqual([true, true])
    expect(decides((w) => [add(w, transpose(w))])).toEqual([true])
  })

  test('forbids it where something else reads the old value, or the writer reads across elements', () => {
    expect(decides((w, m) => [sub(w, m), add(m, w)])).toEqual([false, false])
    expect(decides((w) => [matmul(w, w)])).toEqual([false])
    expect(decides((w) => [mul(w, 2), sum(w)])[0]).toBe(false)
  })

  test('forbids it where another output is the old value', () => {
    expect(decides((a, b) => [b, a])).toEqual([false, false])
    expect(decides((a, b) => [mul(a, 2), mul(b, 2), a])).toEqual([false, true])
  })
})
