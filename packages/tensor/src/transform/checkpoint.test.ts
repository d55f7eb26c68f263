import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { array } from '../array'
import { compile } from '../compile'
import { add, exp, mul, sin } from '../ops/elementwise'
import { sum } from '../ops/reduce'
import { programCost } from '../program-cost'
import { nodeRuntime } from '../runtimes/node'
import { f32, type Tensor, type TensorType } from '../tensor'
import { trace } from '../trace'
import { checkpoint } from './checkpoint'
import { grad } from './gradient'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** How often ONNX Runtime ran kernels of one type, after all its optimisations. */
const kernelsRun = async (name: string, fn: (x: Tensor) => Tensor, type: TensorType): Promise<number> => {
  const place = await mkdtemp(join(folder, 'profile-'))
  const runtime = await nodeRuntime({ threads: 1, profileFolder: place })
  await compile(fn, { runtime, inputs: [type] })(array([0.1, 0.2, 0.3]))
  await runtime.dispose()
  const [file] = await readdir(place)
  const events = JSON.parse(await readFile(join(place, file!), 'utf8')) as {
    name: string
    args?: { op_name?: string }
  }[]
  return events.filter((event) => event.args?.op_name === name && event.name.endsWith('kernel_time')).length
}

const layer = (x: Tensor) => exp(sin(x))
const plain = (x: Tensor) => layer(layer(layer(x)))
const saved = (x: Tensor) => [1, 2, 3].reduce((h) => checkpoint(layer)(h)[0]!, x)
const loss = (fn: (x: Tensor) => Tensor) => grad((x: Tensor) => sum(mul(fn(x), x)))

describe('checkpoint', () => {
  test.each<[string, TensorType]>([
    ['numbers', f32(3)],
    ['names', f32('B')],
  ])('runs its function a second time in ONNX Runtime, with shapes in %s', async (_, type) => {
    expect(await kernelsRun('Sin', loss(plain), type)).toBe(3)
    expect(await kernelsRun('Sin', loss(saved), type)).toBe(6)
  })

  test('runs it again too where its first result does not matter', async () => {
    const second = (x: Tensor) => checkpoint((t) => [exp(t), layer(t)])(x)[1]!
    expect(await kernelsRun('Sin', loss(second), f32(3))).toBe(2)
  })

  test('adds the same operations for each further segment, to a thousand of them', () => {
    const chain = (length: number) => (x: Tensor) => {
      let y = x
      for (let i = 0; i < length; i++) y = checkpoint((t) => add(t, sin(t)))(y)[0]!
      return sum(y)
    }
    const operations = (length: number) => programCost(trace(grad(chain(length)), [f32('B')]).program).operations
    const [one, two, three] = [1, 2, 3].map(operations) as [number, number, number]
    expect(three - two).toBe(two - one)
    expect(operations(1000)).toBe(one + 999 * (two - one))
  })

  test('refuses a function that records other operations each time', () => {
    let calls = 0
    const fickle = (x: Tensor) => (calls++ % 2 ? sin(x) : exp(x))
    expect(() => trace((x: Tensor) => checkpoint(fickle)(x), [f32(1)])).toThrowErrorMatchingInlineSnapshot(
      `[TensorError: checkpoint: the function must record the same operations each time, got others the second time. Pass in what it draws or counts.]`,
    )
  })
})
