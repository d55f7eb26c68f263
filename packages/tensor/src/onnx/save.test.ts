import { mkdtemp, open, readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { array } from '../array'
import { compile } from '../compile'
import { saveModel } from '../node'
import { add, mul } from '../ops/elementwise'
import { matmul } from '../ops/matmul'
import { sum } from '../ops/reduce'
import { slice } from '../ops/slice'
import { nodeRuntime } from '../runtimes/node'
import { type ConstantSource, constant, f32, type Tensor } from '../tensor'
import { trace } from '../trace'
import { withExternalData } from './external'
import { lowerProgram } from './graph'
import { writeModel } from './model'
import { renameValues } from './rename'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const ramp = (rows: number, columns: number) =>
  constant(
    array(
      Float32Array.from({ length: rows * columns }, (_, i) => i % 7),
      { shape: [rows, columns] },
    ),
  )

const graphOf = (fn: (x: Tensor) => Tensor, columns: number) =>
  lowerProgram(trace(fn, [f32('B', columns)], { name: 'exported' }).program, 'cpu')

const runFile = async (path: string, feeds: Record<string, ort.Tensor>) => {
  const session = await ort.InferenceSession.create(path)
  const results = await session.run(feeds)
  await session.release()
  return results
}

const twoLayers = graphOf((x) => mul(matmul(add(matmul(x, ramp(16, 32)), 1), ramp(32, 64)), 0.5), 16)

describe('saveModel', () => {
  test('writes a model and a data file that ONNX Runtime loads on its own, under the names that it was given', async () => {
    const path = join(folder, 'model.onnx')
    const named = renameValues(twoLayers, { in_0: 'hidden', out_0: 'logits' })
    const bytes = await saveModel(path, named)
    const sizes = await Promise.all(['model.onnx', 'model.onnx_data'].map((name) => stat(join(folder, name))))
    expect(bytes).toBe(sizes[0]!.size + sizes[1]!.size)
    expect(sizes[1]!.size).toBe(4096 + 4 * 32 * 64) // the first constant, padded to a page, and the second
    const { logits } = await runFile(path, { hidden: new ort.Tensor(new Float32Array(16).fill(1), [1, 16]) })
    const row = (j: number, columns: number, rows: number, x: (i: number) => number) =>
      Array.from({ length: rows }, (_, i) => x(i) * ((i * columns + j) % 7)).reduce((a, b) => a + b)
    const first = Array.from({ length: 32 }, (_, j) => row(j, 32, 16, () => 1) + 1)
    expect(logits!.data[5]).toBe(0.5 * row(5, 64, 32, (i) => first[i]!))
  })

  test('keeps what stood there when a constant cannot be read, and leaves nothing else', async () => {
    const place = await mkdtemp(join(folder, 'atomic-'))
    const path = join(place, 'model.onnx')
    await saveModel(path, twoLayers)
    const before = await readFile(path)
    const failing: ConstantSource = {
      dtype: 'float32',
      shape: [16, 16],
      read: () => {
        throw new Error('no such weight')
      },
    }
    const other = graphOf((x) => matmul(matmul(x, ramp(16, 16)), lazy(failing)), 16)
    await expect(saveModel(path, other)).rejects.toThrow('no such weight')
    expect((await readdir(place)).sort()).toEqual(['model.onnx', 'model.onnx_data'])
    expect(await readFile(path)).toEqual(before)
  })

  test('names the place when it cannot be written', async () => {
    await expect(saveModel(join(folder, 'absent', 'm.onnx'), twoLayers)).rejects.toMatchObject({
      code: 'file',
      message: expect.stringMatching(/^saveModel: expected a writable place at .*m\.onnx, got ENOENT\. Check/),
    })
  })

  test('places constants beyond 4 GB without reading them while it plans', () => {
    const huge = (rows: number): ConstantSource => ({ dtype: 'float32', shape: [rows, 2 ** 20], read: unread })
    const graph = { ...twoLayers, initializers: new Map([400, 700, 1].map((rows, i) => [`w${i}`, huge(rows)])) }
    const { graph: model, constants } = withExternalData(graph, 'm.onnx_data')
    const gigabyte = 400 * 2 ** 22
    expect(constants.map(({ offset }) => offset)).toEqual([0, gigabyte, gigabyte + 700 * 2 ** 22])
    expect(() => writeModel(graph)).toThrowErrorMatchingInlineSnapshot(
      `[TensorError: writeModel: constants in memory of exported must fit in 2147483647 bytes, got 4617928704. Keep them in a file, or write the model with saveModel.]`,
    )
    const bytes = writeModel(model)
    expect(bytes.length).toBeLessThan(4096)
    expect(Buffer.from(bytes).includes(`${gigabyte + 700 * 2 ** 22}`)).toBe(true)
  })
})

const unread = (): never => {
  throw new Error('read while planning')
}

/** A constant with a source of its own, past `constant`'s checks of its memory. */
const lazy = (source: ConstantSource): Tensor =>
  constant({ ...source, location: { path: '/x', offset: 0, byteLength: 1024 } })

test('nodeRuntime reads a constant that lies beyond 4 GB of a file', async () => {
  const path = join(folder, 'sparse.bin')
  const offset = 5 * 2 ** 30
  await (await open(path, 'w')).close()
  await truncate(path, offset + 4096)
  const handle = await open(path, 'r+')
  await handle.write(Buffer.from(Float32Array.of(1, 2, 3, 4).buffer), 0, 16, offset)
  await handle.close()
  const table = constant({
    dtype: 'float32',
    shape: [4],
    location: { path, offset, byteLength: 16 },
    read: unread,
  })
  await using runtime = await nodeRuntime({ threads: 1 })
  const run = compile((x: Tensor) => [sum(mul(table, x)), slice(table, 0, 3)], { runtime, inputs: [f32()] })
  const results = await run(2)
  expect(results.map(({ data }) => Array.from(data as Float32Array))).toEqual([[20], [4]])
  await rm(path)
})

describe('renameValues', () => {
  test('refuses unknown names and names that would occur twice', () => {
    expect(() => renameValues(twoLayers, { in_1: 'x' })).toThrowErrorMatchingInlineSnapshot(
      `[TensorError: renameValues: expected one of in_0, out_0, got in_1. Correct the name.]`,
    )
    expect(() => renameValues(twoLayers, { in_0: 'out_0' })).toThrowErrorMatchingInlineSnapshot(
      `[TensorError: renameValues: names must be unique, got out_0 twice. Choose another name.]`,
    )
  })
})
