import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { loadModel } from '@qilin-med/models'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { BenchError } from '../errors'
import { median } from '../measure'
import type { PythonPeer } from '../python'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { temporaryCheckpoint } from './step/checkpoint'
import { type LoadedStep, loadedStep } from './step/program'
import { type ProductKind, type RawRate, rawRate } from './step/rate'
import { gemma, llama, longLlama, operations, peerWork, qwen, type StepShape } from './step/shapes'
import { type Slot, slot } from './step/slot'

/**
 * A LoRA step (rank 8 on all linear layers; forward and the gradients of all adapters) beside PyTorch with PEFT on the
 * same checkpoint, row and threads. Both losses are compared, so that both do the same work. Lines also report which
 * fraction of the rate of a plain product of the same kind, measured between the rounds, the step's operations come to.
 */
export const suite: Suite = { name: 'step', cases }

/** How our weights are held, and the precision of the peer beside it. */
interface Precision {
  readonly name: string
  readonly peer: 'fp32' | 'bf16'
  readonly weights: ProductKind
  /** Whether the runtime lays the weights out anew for its kernels; else they stay mapped from their file. */
  readonly prepack: boolean
  /** Largest relative difference of the losses. */
  readonly tolerance: number
}

/** Steps that one figure is the mean of, after one that is not counted; the same on both sides. */
const stepsOfFigure = 3

const float32: Precision = { name: 'fp32', peer: 'fp32', weights: 'float32', prepack: true, tolerance: 1e-4 }
const mapped: Precision = { ...float32, name: 'fp32 mapped', prepack: false }
/** Rounding to 8 bits on our side and to bfloat16 on the peer's: the losses of a wrong mask or label lie further apart. */
const int8: Precision = { name: 'int8', peer: 'bf16', weights: 'int8', prepack: true, tolerance: 5e-3 }

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const peer = await options.startPeer('step', [String(availableParallelism())])
  const held = options.own(slot<Prepared>())
  const against = (shape: StepShape, precision: Precision) => stepCase(shape, precision, peer, held)
  const shapes = [llama, longLlama, qwen, gemma]
  return [float32, mapped, int8].flatMap((precision) => shapes.map((shape) => against(shape, precision)))
}

const stepCase = (
  shape: StepShape,
  { name, peer: precision, weights, prepack, tolerance }: Precision,
  peer: PythonPeer | undefined,
  held: Slot<Prepared>,
): BenchCase => {
  const rates: { step: number; raw: number }[] = []
  let compared = false
  const key = `${name} ${shape.name}`
  const prepared = () => held.hold(key, () => prepare(shape, weights, prepack))
  const ours = async (): Promise<number> => {
    const { step, raw } = await prepared()
    await step.run() // a side that waited for the other begins with cold caches, which a run of steps does not
    const start = performance.now()
    for (let i = 0; i < stepsOfFigure; i++) await step.run()
    const seconds = (performance.now() - start) / 1000 / stepsOfFigure
    rates.push({ step: operations(shape) / seconds, raw: await raw.measure() })
    return shape.tokens / seconds
  }
  const theirs = async (from: PythonPeer): Promise<number> => {
    const { folder, step } = await prepared()
    const work = peerWork(shape, precision, folder)
    if (!compared) requireSameLoss(key, await step.run(), await from.measure('loss', work), tolerance)
    compared = true
    return from.measure('speed', { ...work, steps: stepsOfFigure })
  }
  return {
    name: `lora-step ${key} vs torch-${precision}`,
    unit: 'tokens/s',
    higherIsBetter: true,
    peerName: `torch + peft ${precision}`,
    ours,
    ...(peer && { peer: () => theirs(peer), versions: peer.versions }),
    details: async () => {
      const measured = rates.slice(1) // without the warm-up
      const step = median(measured.map((rate) => rate.step))
      const raw = median(measured.map((rate) => rate.raw))
      const kind = weights === 'int8' ? 'rawInt8Gflops' : 'rawFloat32Gflops'
      return { gflops: step / 1e9, [kind]: raw / 1e9, fractionOfRaw: step / raw }
    },
  }
}

/** The peer must do the same work. @throws BenchError when the losses differ by more than `tolerance`, relative */
const requireSameLoss = (step: string, ours: number, theirs: number, tolerance: number): void => {
  if (Math.abs(ours - theirs) <= tolerance * Math.abs(theirs)) return
  throw new BenchError(`step: ${step}: expected the peer's loss ${theirs}, got ${ours}.`)
}

interface Prepared extends AsyncDisposable {
  readonly folder: string
  readonly step: LoadedStep
  readonly raw: RawRate
}

const prepare = async (shape: StepShape, weights: ProductKind, prepack: boolean): Promise<Prepared> => {
  const checkpoint = await temporaryCheckpoint(shape)
  const runtime = await nodeRuntime({ threads: availableParallelism() })
  const { folder } = checkpoint
  const model = await loadModel(folder, { runtime, weights, cacheFolder: join(folder, 'weights') })
  const [step, raw] = [await loadedStep(shape, model, { prepack }), await rawRate(runtime, weights)]
  const dispose = async (): Promise<void> => {
    await runtime.dispose()
    await checkpoint[Symbol.asyncDispose]()
  }
  return { folder, step, raw, [Symbol.asyncDispose]: dispose }
}
