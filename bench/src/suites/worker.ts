import { loadModel } from '@qilin-med/models'
import { array, compile, f32, mul, type Runtime, sub, sum, type Tensor } from '@qilin-med/tensor'
import { nodeRuntime, workerRuntime } from '@qilin-med/tensor/node'
import { median } from '../measure'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { temporaryCheckpoint } from './step/checkpoint'
import { loadedStep } from './step/program'
import { llama } from './step/shapes'

/**
 * A step in a worker thread beside the same step in this thread, both awaited one by one. Lines also report how late a
 * timer of this thread that is due every 5 ms came at worst, in milliseconds: what an interface would feel.
 */
export const suite: Suite = { name: 'worker', cases }

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const worker = options.own(await workerRuntime())
  const here = options.own(await nodeRuntime())
  return [await smallCase(worker, here), await largeCase(worker, here, options)]
}

/** Runs a step some times and returns milliseconds each. */
type Timed = () => Promise<number>

const smallCase = async (worker: Runtime, here: Runtime): Promise<BenchCase> =>
  comparison('small step (1,024 parameters)', await smallSteps(worker), await smallSteps(here))

const smallSteps = async (runtime: Runtime): Promise<Timed> => {
  const update = (w: Tensor, rate: Tensor): [Tensor, Tensor] => [sub(w, mul(w, rate)), sum(w)]
  const step = compile(update, { runtime, inputs: [f32(1024), f32()], carry: true })
  const w = await runtime.upload(array(new Float32Array(1024).fill(1)))
  return repeated(500, () => step(w, 1e-3))
}

const largeCase = async (worker: Runtime, here: Runtime, options: BenchOptions): Promise<BenchCase> => {
  const { folder } = options.own(await temporaryCheckpoint(llama))
  const steps = async (runtime: Runtime): Promise<Timed> => {
    const model = options.own(await loadModel(folder, { runtime }))
    const step = options.own(await loadedStep(llama, model))
    return repeated(1, () => step.run())
  }
  return comparison('lora-step fp32 74m', await steps(worker), await steps(here))
}

const repeated =
  (times: number, step: () => Promise<unknown>): Timed =>
  async () => {
    const start = performance.now()
    for (let i = 0; i < times; i++) await step()
    return (performance.now() - start) / times
  }

const comparison = (name: string, worker: Timed, here: Timed): BenchCase => {
  const late = { worker: [] as number[], here: [] as number[] }
  return {
    name: `${name}, worker vs in-process`,
    unit: 'ms',
    higherIsBetter: false,
    peerName: 'nodeRuntime',
    ours: () => watched(worker, late.worker),
    peer: () => watched(here, late.here),
    details: async () => ({ worstDelayMs: median(late.worker), peerWorstDelayMs: median(late.here) }),
  }
}

const interval = 5

/** Runs `timed` and notes how late the latest tick of a timer came. */
const watched = async (timed: Timed, worst: number[]): Promise<number> => {
  let [latest, last] = [0, performance.now()]
  const tick = () => {
    const now = performance.now()
    latest = Math.max(latest, now - last - interval)
    last = now
  }
  const timer = setInterval(tick, interval)
  const milliseconds = await timed()
  tick()
  clearInterval(timer)
  worst.push(latest)
  return milliseconds
}
