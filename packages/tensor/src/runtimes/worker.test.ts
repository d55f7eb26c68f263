import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { array } from '../array'
import { compile } from '../compile'
import { DTypeError, ShapeError, TensorError } from '../errors'
import { gather } from '../ops/indexing'
import { matmul } from '../ops/matmul'
import { f32, i64, type Tensor } from '../tensor'
import { workerRuntime } from './worker'
import { workerHost } from './worker-host'
import { receivedError, sentError } from './worker-messages'

const flags = () => new Int32Array(new SharedArrayBuffer(8))

/** The host behind a worker that says it is ready and answers with `program`, given `id`, `request` and `port`. */
const hostBehind = (program: string) =>
  workerHost(
    new Worker(
      `const port = require('node:worker_threads').parentPort
      const answer = (id, value) => port.postMessage({ id, value })
      port.on('message', ({ id, request }) => { ${program} })
      answer(0)`,
      { eval: true },
    ),
    flags(),
  )

const model = () => ({
  name: 'm',
  bytes: new Uint8Array(1),
  inputs: [],
  outputs: [],
  ops: [],
  overwrites: [],
  session: {},
})

describe('workerRuntime', () => {
  test('timers of the main thread go on while a program runs', async () => {
    await using runtime = await workerRuntime({ threads: 1 })
    const chain = (x: Tensor) => Array.from({ length: 12 }).reduce<Tensor>((y) => matmul(y, x), x)
    const run = compile(chain, { runtime, inputs: [f32('N', 'N')] })
    const x = array(new Float32Array(600 * 600), { shape: [600, 600] })
    await run(x)
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await run(x)
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3) // a blocked thread has none
  })

  test('an error in the worker arrives with its class, code and cause', async () => {
    await using runtime = await workerRuntime({ threads: 1 })
    const pick = compile((x: Tensor, at: Tensor) => gather(x, at), { runtime, name: 'pick', inputs: [f32(3), i64(1)] })
    const error = await pick(array([1, 2, 3]), array([7], { dtype: 'int64' })).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TensorError)
    expect(error).toMatchObject({
      code: 'run',
      message: expect.stringMatching(/^run: pick must run, got \(node Gather_0 of op gather\): /),
    })
    expect((error as TensorError).cause).toBeInstanceOf(Error)
    expect([...(await pick(array([1, 2, 3]), array([2], { dtype: 'int64' }))).data]).toEqual([3])
  })

  test('a queue that holds nothing is refused', async () => {
    await expect(workerRuntime({ queue: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: workerRuntime: queue must be an integer of at least 1, got 0. Leave it out for 2.]`,
    )
  })

  test('a process that forgets to dispose it ends by itself', async () => {
    const program = `
      import { array, compile, exp, f32 } from ${JSON.stringify(new URL('../index.ts', import.meta.url).href)}
      import { workerRuntime } from ${JSON.stringify(new URL('../node.ts', import.meta.url).href)}
      const runtime = await workerRuntime({ threads: 1 })
      console.log((await compile(exp, { runtime, inputs: [f32(1)] })(array([0]))).data[0])`
    const loader = createRequire(import.meta.url).resolve('tsx')
    const args = ['--import', loader, '--input-type=module', '-e', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 })
    expect(stdout).toBe('1\n')
  })
})

describe('workerHost', () => {
  test('a worker that cannot start is a typed error', async () => {
    const worker = new Worker(`throw new Error('no native library')`, { eval: true })
    await expect(workerHost(worker, flags())).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: run: expected the worker of the runtime to stay alive, got an error in it: no native library. Create a new runtime; its state is lost.]`,
    )
  })

  test.each([
    ['exits', 'process.exit(3)', 'its end with code 3'],
    ['throws', `throw new Error('out of memory')`, 'an error in it: out of memory'],
  ])('a worker that %s rejects the calls it was given and all later ones', async (_, crash, got) => {
    const host = await hostBehind(`if (request.type === 'run') { ${crash} } else answer(id)`)
    const program = await host.load(model(), {})
    const calls = [program.run([], []), program.run([], [])]
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'crashed' })
    await expect(host.upload(array([1]))).rejects.toThrow(
      `run: expected the worker of the runtime to stay alive, got ${got}. Create a new runtime; its state is lost.`,
    )
    await host.dispose()
  })

  test('arrays that nobody holds any more are let go of', async () => {
    const host = await hostBehind(
      `globalThis.freed ??= []
      if (request.type === 'free') freed.push(request.resident)
      else if (request.type === 'dispose') { answer(id); port.close() }
      else answer(id, { data: new Int32Array(freed) })`,
    )
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const kept = await host.upload(array([1]))
    await host.upload(array([2]))
    for (let i = 0; i < 20; i++) {
      collectGarbage()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect([...(await host.download(kept)).data]).toEqual([2])
    await host.dispose()
  })
})

describe('errors between threads', () => {
  test.each([
    new TensorError('run', 'r', { op: 'add', argument: '0.w', cause: new RangeError('why') }),
    new ShapeError('s', { shapes: ['[2]', '[3]'], axis: -1 }),
    new DTypeError('d', { op: 'exp' }),
    new TypeError('t'),
  ])('$name keeps class, code, fields, cause and stack', (error) => {
    const received = receivedError(structuredClone(sentError(error)))
    expect(received).toMatchObject({ ...error, name: error.name, message: error.message, stack: error.stack })
    if (error instanceof TensorError) expect(received.constructor).toBe(error.constructor)
    expect(`${received.cause}`).toBe(`${error.cause}`)
  })
})
