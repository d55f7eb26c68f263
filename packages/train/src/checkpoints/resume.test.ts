import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { dpo, sft } from '@qilin-med/losses'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TrainError } from '../errors'
import type { StepEnd, TrainEvent } from '../loop/events'
import { train } from '../loop/train'
import type { TrainableAdapter } from '../model'
import { adamw } from '../optimizers/adam'
import { type TinyNetwork, tinyAdapter, tinyModel, tinyPairs, tinyRows } from '../test/tiny-model'
import { tinyRun } from '../test/tiny-run'

let runtime: Runtime
let folder: string
beforeAll(async () => {
  runtime = await nodeRuntime()
})
afterAll(() => runtime.dispose())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'train-resume-'))
})
afterEach(() => rm(folder, { recursive: true }))

interface Outcome {
  readonly events: TrainEvent[]
  readonly losses: number[]
  readonly values: Float32Array
}

/** Iterates to the end, or until `stopAfter` steps are done. */
const go = async (run: ReturnType<typeof tinyRun>, stopAfter = Number.POSITIVE_INFINITY): Promise<Outcome> => {
  const events: TrainEvent[] = []
  for await (const event of run) {
    events.push(event)
    if (event.type === 'step-end' && event.step === stopAfter) break
  }
  const losses = events.filter((event): event is StepEnd => event.type === 'step-end').map(({ loss }) => loss)
  return { events, losses, values: run.adapter.values }
}

const warningsIn = ({ events }: Outcome) => events.filter((event) => event.type === 'warning')
const startOf = ({ events }: Outcome) => events.find((event) => event.type === 'run-start')!

describe('a run that was left', () => {
  it.each([
    ['in the middle of an epoch', 3, {}],
    ['at the end of an epoch', 4, {}],
    ['with accumulated steps and dropout', 3, { batch: { rows: 1, accumulate: 3 } }],
  ])('%s goes on bit for bit: losses, history and weights', async (_, stop, options) => {
    const whole = await go(tinyRun(runtime, options))
    const checkpoints = { folder, every: 2 }
    const first = await go(tinyRun(runtime, { ...options, checkpoints }), stop)
    const second = await go(tinyRun(runtime, { ...options, checkpoints }))
    expect([...first.losses, ...second.losses]).toEqual(whole.losses)
    expect(startOf(second).step).toBe(stop)
    expect(startOf(second).history.map(({ loss }) => loss)).toEqual(first.losses)
    expect(second.values).toEqual(whole.values)
  })

  it('goes on bit for bit in preference training, without computing the reference again', async () => {
    const options = { loss: dpo(), data: tinyPairs(8) }
    const checkpoints = { folder, every: 2 }
    const whole = await go(tinyRun(runtime, options))
    await go(tinyRun(runtime, { ...options, checkpoints }), 3)
    const second = await go(tinyRun(runtime, { ...options, checkpoints }))
    expect(second.values).toEqual(whole.values)
    expect(second.events.some(({ type }) => type === 'reference-step')).toBe(false)
  })

  it('goes on bit for bit when all parameters are trained', async () => {
    const checkpoints = { folder }
    const options = { model: tinyModel(runtime), loss: sft(), data: tinyRows(8), batch: { rows: 2 }, epochs: 2 }
    const optimizer = tinyRun.optimizer(0.05)
    const parametersOf = async (saved: boolean, stop?: number) => {
      const run = train({ ...options, optimizer, ...(saved && { checkpoints }) })
      for await (const event of run) if (event.type === 'step-end' && event.step === stop) break
      return run.parameters
    }
    const whole = await parametersOf(false)
    await parametersOf(true, 3)
    expect(await parametersOf(true)).toEqual(whole)
  })

  it('is read back, not trained on, when it was complete', async () => {
    const checkpoints = { folder }
    const whole = await go(tinyRun(runtime, { checkpoints }))
    const again = await go(tinyRun(runtime, { checkpoints }))
    expect(again.losses).toEqual([])
    expect(again.events.map(({ type }) => type)).toEqual(['run-start', 'run-end'])
    expect(again.values).toEqual(whole.values)
  })
})

it('a process killed with SIGKILL loses nothing after its last checkpoint', { timeout: 120_000 }, async () => {
  const whole = await go(tinyRun(runtime))
  const script = fileURLToPath(new URL('../test/tiny-run-main.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', '-C', 'source', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(child.stdout)) if (line === 'checkpoint-end 4') child.kill('SIGKILL')
  const second = await go(tinyRun(runtime, { checkpoints: { folder, every: 2 } }))
  expect(startOf(second).step).toBeGreaterThanOrEqual(4)
  expect(startOf(second).step).toBeLessThan(8)
  expect(second.values).toEqual(whole.values)
})

it('a signal stops after the step in progress, saves, and says so', async () => {
  const control = new AbortController()
  const run = tinyRun(runtime, { checkpoints: { folder }, signal: control.signal })
  const seen: string[] = []
  for await (const event of run) {
    seen.push(event.type)
    if (event.type === 'step-end' && event.step === 2) control.abort()
    if (event.type === 'run-end') expect([event.reason, event.step]).toEqual(['aborted', 2])
  }
  expect(seen).toEqual(['run-start', 'step-end', 'step-end', 'checkpoint-end', 'run-end'])
  expect((await go(tinyRun(runtime, { checkpoints: { folder } }))).values).toEqual((await go(tinyRun(runtime))).values)
})

describe('a damaged checkpoint', () => {
  const damage = async (change: (path: string) => Promise<void>) => {
    const whole = await go(tinyRun(runtime, { checkpoints: { folder, every: 2, keep: 3 } }))
    await change(join(folder, 'checkpoint-8'))
    return { whole, again: await go(tinyRun(runtime, { checkpoints: { folder, every: 2, keep: 3 } })) }
  }
  it.each([
    ['cut off', (path: string) => truncate(join(path, 'state.safetensors'), 200)],
    ['without its record', (path: string) => rm(join(path, 'checkpoint.json'))],
    ['with a record cut off', (path: string) => truncate(join(path, 'checkpoint.json'), 40)],
    ['with other bytes', (path: string) => flipLastByte(join(path, 'state.safetensors'))],
  ])('%s is left out with a warning, and the one before gives the same end', async (_, change) => {
    const { whole, again } = await damage(change)
    expect(warningsIn(again).map(({ code, path }) => [code, path])).toEqual([
      ['bad-checkpoint', join(folder, 'checkpoint-8')],
    ])
    expect(startOf(again).resumedFrom).toBe(join(folder, 'checkpoint-6'))
    expect(again.values).toEqual(whole.values)
  })

  it('half-written by a killed run is cleared away', async () => {
    await go(tinyRun(runtime, { checkpoints: { folder, every: 2 } }), 4)
    await writeFile(join(folder, '.checkpoint-9.partial'), 'half')
    expect(warningsIn(await go(tinyRun(runtime, { checkpoints: { folder } })))).toEqual([])
    expect(await readdir(folder)).not.toContain('.checkpoint-9.partial')
  })
})

it('keeps the newest checkpoints and the best one', async () => {
  const evaluation = { data: tinyRows(3), every: 2 }
  const optimizer = adamw({ learningRate: (step) => (step < 4 ? 0.05 : -0.05) }) // uphill after step 4
  await go(tinyRun(runtime, { checkpoints: { folder, every: 2, keep: 1 }, evaluation, optimizer }))
  expect((await readdir(folder)).sort()).toEqual(['checkpoint-4', 'checkpoint-8'])
})

it('refuses a checkpoint of a run with other settings, and names the setting', async () => {
  await go(tinyRun(runtime, { checkpoints: { folder } }), 2)
  const codeFor = async (options: Parameters<typeof tinyRun>[1]) => {
    const error = await go(tinyRun(runtime, { checkpoints: { folder }, ...options })).catch((caught) => caught)
    return `${(error as TrainError).code} ${(error as TrainError).option}`
  }
  expect(await codeFor({ batch: { rows: 4 } })).toBe('checkpoint-mismatch rows')
  expect(await codeFor({ seed: 8 })).toBe('checkpoint-mismatch seed')
  expect(await codeFor({ data: tinyRows(9) })).toBe('checkpoint-mismatch data')
  expect(await codeFor({ adapter: tinyAdapter({ rank: 3 }) })).toBe('checkpoint-mismatch parameters')
  expect(await codeFor({ adapter: tinyAdapter({ dropout: 0.3 }) })).toBe('checkpoint-mismatch adapter.dropout')
  const { create } = tinyAdapter({ dropout: 0.2 })
  const changed = (change: Partial<TrainableAdapter<TinyNetwork>>) => ({
    create: (...given: Parameters<typeof create>) => ({ ...create(...given), ...change }),
  })
  expect(await codeFor({ adapter: changed({ structure: 'another' }) })).toBe('checkpoint-mismatch adapter.structure')
  const values = create(tinyModel(runtime).modules, { seed: 7, weight: () => new Float32Array() }).values.map(
    (x) => 2 * x,
  )
  expect(await codeFor({ adapter: changed({ values }) })).toBe('checkpoint-mismatch adapter.values')
  expect(await codeFor({ optimizer: tinyRun.optimizer(0.5) })).toBe('checkpoint-mismatch learningRates')
})

it('a folder that cannot be written is a typed error that leaves earlier checkpoints intact', async () => {
  await writeFile(join(folder, 'file'), '')
  const checkpoints = { folder: join(folder, 'file', 'below') }
  const error: TrainError = await go(tinyRun(runtime, { checkpoints })).catch((caught) => caught)
  expect([error.code, error.step]).toEqual(['checkpoint-write', 8])
  expect(error.message).toContain('expected a writable place, got ENOTDIR')
})

const flipLastByte = async (path: string): Promise<void> => {
  const bytes = await readFile(path)
  bytes[bytes.length - 1]! ^= 1
  await writeFile(path, bytes)
}
