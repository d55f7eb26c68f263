import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { array } from '../array'
import { compile } from '../compile'
import { add } from '../ops/elementwise'
import { matmul } from '../ops/matmul'
import { quantize } from '../quantize/weight'
import type { Runtime } from '../runtime'
import { nodeRuntime } from '../runtimes/node'
import { applyAll, constant, defineOp, f32, type Op, type Tensor, type TensorType } from '../tensor'
import { trace } from '../trace'
import { lowerProgram } from './graph'
import type { Target } from './lowering'

const waves = (...shape: number[]) =>
  array(
    Float32Array.from({ length: shape.reduce((size, length) => size * length, 1) }, (_, k) => Math.sin(7 * k + 1)),
    { shape },
  )

const weight = quantize(waves(6, 40), { scheme: 'int8' })
const product = (x: Tensor) => matmul(x, constant(weight), { transposeB: true })

type Sum = (x: Tensor, y: Tensor) => Tensor | Tensor[]

const types = (fn: Sum, inputs: readonly TensorType[], target: Target = 'cpu'): string[] =>
  lowerProgram(trace(fn, inputs as never).program, target).nodes.map(({ type }) => type)

const rows = [f32('B', 'T', 40), f32('B', 'T', 6)] as const

describe('a product with 8-bit weights and something added to it', () => {
  const whole: Sum = (x, y) => add(product(x), y)

  test.each<[string, Sum]>([
    ['left', whole],
    ['right', (x, y) => add(y, product(x))],
  ])('is one pass where the product stands %s', (_, sum) => {
    const nodes = types(sum, rows)
    expect(nodes).toContain('GatedAdd')
    expect(nodes).not.toContain('Add')
  })

  test.each<[string, Sum, (readonly TensorType[])?, Target?]>([
    [
      'the product is a result too',
      (x, y) => {
        const p = product(x)
        return [add(p, y), p]
      },
    ],
    [
      'it is added to itself',
      (x) => {
        const p = product(x)
        return add(p, p)
      },
    ],
    ['the other operand is broadcast', whole, [f32('B', 'T', 40), f32(6)]],
    ['the kernel is missing', whole, rows, 'webgpu'],
    ['it is multiplied by a number', (x, y) => add(matmul(x, constant(weight), { transposeB: true, alpha: 2 }), y)],
    [
      'the weight is held in tiles',
      (x, y) => add(matmul(x, constant(quantize(waves(6, 40), { scheme: 'int8', tile: 4 })), { transposeB: true }), y),
    ],
  ])('stays two where %s', (_, sum, inputs = rows, target = 'cpu') => {
    const nodes = types(sum, inputs, target)
    expect(nodes).not.toContain('GatedAdd')
    expect(nodes).toContain('Add')
  })

  describe('on the node runtime', () => {
    let runtime: Runtime
    beforeAll(async () => {
      runtime = await nodeRuntime({ threads: 1 })
    })
    afterAll(() => runtime.dispose())

    test('is the sum of the two, but for one rounding that some processors leave out', async () => {
      const inputs = [...rows] as [TensorType, TensorType]
      const one = compile((x: Tensor, y: Tensor) => add(product(x), y), { runtime, inputs })
      const two = compile(
        (x: Tensor, y: Tensor) => {
          const p = product(x)
          return [add(p, y), p] as const
        },
        { runtime, inputs },
      )
      const sizes = fc.tuple(fc.nat(3), fc.nat(4))
      const property = fc.asyncProperty(sizes, async ([batch, time]) => {
        const operands = [waves(batch, time, 40), waves(batch, time, 6)] as const
        const [together, [apart, products]] = [await one(...operands), await two(...operands)]
        expect(together.shape).toEqual(apart.shape)
        apart.data.forEach((value, k) => {
          const largest = Math.abs(Number(products.data[k])) + Math.abs(Number(operands[1].data[k]))
          expect(Math.abs(Number(together.data[k]) - Number(value))).toBeLessThanOrEqual(2 ** -23 * largest)
        })
      })
      await fc.assert(property, { seed: 5, numRuns: 20 })
    })
  })
})

describe('an op of a user', () => {
  const twice = defineOp({
    name: 'twice',
    infer: ([x]) => x!,
    gradient: 'none',
    lower: (onnx, [x]) => onnx.node('Add', [x!, x!]),
    lowerSum: (onnx, [x], addend) => onnx.node('Sum', [x!, x!, addend]),
    evaluate: ([x]) => ({ shape: x!.shape, data: x!.data.map((v) => 2 * v) }),
  })
  const sum: Sum = (x, y) => add(twice([x], undefined), y)

  test('is lowered with the sum that reads it, and apart for calls without elements', async () => {
    expect(types(sum, [f32('N'), f32('N')])).toEqual(['Sum', 'Identity'])
    await using runtime = await nodeRuntime({ threads: 1 })
    const run = compile((x: Tensor, y: Tensor) => add(twice([x], undefined), y), {
      runtime,
      inputs: [f32('N'), f32('N')],
    })
    expect([...(await run(array([1, 2]), array([5, 7]))).data]).toEqual([7, 11])
    expect([...(await run(array([]), array([]))).data]).toEqual([])
  })

  test('with two results is not', () => {
    const pair: Op<undefined> = {
      name: 'pair',
      infer: ([x]) => [x!, x!],
      gradient: 'none',
      lower: (onnx, [x]) => [onnx.node('Neg', [x!]), onnx.node('Abs', [x!])],
      lowerSum: () => 'nothing',
      evaluate: ([x]) => [x!, x!],
    }
    const second: Sum = (x, y) => add(applyAll(pair, [x], undefined)[1]!, y)
    expect(types(second, [f32('N'), f32('N')])).toEqual(['Neg', 'Abs', 'Add', 'Identity'])
  })
})
