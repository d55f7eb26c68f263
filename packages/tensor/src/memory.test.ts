import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  array,
  type ConstantSource,
  compile,
  constant,
  f32,
  grad,
  matmul,
  mean,
  mul,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
} from './index'
import { nodeRuntime } from './node'
import { readSafetensors, readTensorSync, writeSafetensors } from './safetensors'

const steps = 200

/** JavaScript memory in bytes: objects, and the elements of arrays. */
const used = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Bytes that each of 200 steps of gradient descent on `width`² parameters leaves behind; what is collected meanwhile does not count. */
const leftByStep = async (width: number): Promise<number> => {
  await using runtime = await nodeRuntime({ threads: 1 })
  const size = width * width
  const step = compile(
    (state: { readonly parameters: Tensor }, x: Tensor) => {
      const loss = (flat: Tensor) => mean(square(matmul(x, reshape(flat, [width, width]))))
      const next = sub(state.parameters, mul(grad(loss)(state.parameters), 0.1))
      return [{ parameters: next }, sum(next)] as const
    },
    { runtime, carry: true, inputs: [{ parameters: f32(size) }, f32('B', width)] },
  )
  const state = { parameters: await runtime.upload(array(new Float32Array(size).fill(0.01))) }
  const x = array(new Float32Array(width).fill(1), { shape: [1, width] })
  for (let i = 0; i < 20; i++) await step(state, x)
  let left = 0
  for (let i = 0; i < steps; i++) {
    const before = used()
    await step(state, x)
    left += Math.max(0, used() - before)
  }
  return left / steps
}

test(`what ${steps} steps leave to the garbage collector does not grow with the number of parameters`, async () => {
  const small = await leftByStep(16)
  const large = await leftByStep(512) // a megabyte of parameters
  expect(large).toBeLessThan(small + 65_536)
}, 60_000)

const ownKilobytes = async (): Promise<number> =>
  Number(/RssAnon:\s+(\d+)/.exec(await readFile('/proc/self/status', 'utf8'))?.[1])

test('programs over the same weights in a file share them instead of copying them', async (context) => {
  if (!existsSync('/proc/self/status')) context.skip('no /proc: the memory of the process cannot be read')
  const folder = await mkdtemp(join(tmpdir(), 'mapped-'))
  try {
    const path = join(folder, 'weights.safetensors')
    const [width, inner] = [1024, 16_384] // 64 MB
    const data = () => new Float32Array(width * inner).fill(1e-3)
    await writeSafetensors(path, [{ name: 'w', dtype: 'float32', shape: [inner, width], data }])
    const file = await readSafetensors(path)
    const { begin, end } = file.tensors.get('w')!
    const source: ConstantSource = {
      dtype: 'float32',
      shape: [inner, width],
      location: { path, offset: file.dataOffset + begin, byteLength: end - begin },
      read: () => readTensorSync(file, 'w').data as Float32Array,
    }
    await using runtime = await nodeRuntime({ threads: 1 })
    const weight = constant(source)
    const forward = (x: Tensor) => sum(square(matmul(x, weight, { transposeB: true })))
    const x = array(new Float32Array(width).fill(1), { shape: [1, width] })
    const before = await ownKilobytes()
    const programs = [forward, grad(forward), (y: Tensor) => mul(forward(y), 2)]
    for (const program of programs) {
      const compiled = compile(program, { runtime, inputs: [f32('B', width)] })
      await compiled(x)
    }
    expect((await ownKilobytes()) - before).toBeLessThan(32_000) // half of one copy
  } finally {
    await rm(folder, { recursive: true })
  }
}, 60_000)
