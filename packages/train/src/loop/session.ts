import { array, foldIn, type NdArray, type RandomKey, type Resident, type Runtime, randomKey } from '@qilin-med/tensor'
import { streams } from '../data/order'
import { type Sums, sumsOf } from './averages'
import { type BatchArrays, scalarArrays } from './micro-batch'
import { accumulateStep, fusedStep, type ProgramParts, updateStep } from './programs'

/** Where a step stands in the run. */
export interface StepPlace {
  /** From 0. */
  readonly step: number
  readonly totalSteps: number
}

/** What came out of one optimiser step. */
export interface StepOutcome {
  /** One report per micro-batch. */
  readonly reports: readonly Sums[]
  readonly gradNorm: number
  readonly learningRate: number
}

/** The state of a run on the runtime, and the programs that change it. */
export interface Session {
  /** Flat vectors by name: `parameters` and the optimiser's state. */
  readonly held: Readonly<Record<string, Resident>>
  /** One optimiser step over the micro-batches given. */
  step(place: StepPlace, batches: readonly BatchArrays[]): Promise<StepOutcome>
  dispose(): Promise<void>
}

/** What `openSession` starts from. */
export interface SessionOptions {
  /** Flat vectors by name, `parameters` first, then the optimiser's state in its own order. */
  readonly state: Readonly<Record<string, Float32Array>>
  readonly accumulate: number
  readonly seed: number
  /** Called with the reports before accumulated gradients change the parameters; throws to stop. */
  readonly guard: (place: StepPlace, reports: readonly Sums[]) => void
}

/**
 * Uploads the state and compiles the programs: one call a step where steps have one micro-batch, else one call for
 * each micro-batch and one for the update.
 */
export const openSession = async (parts: ProgramParts, options: SessionOptions): Promise<Session> => {
  const held: Record<string, Resident> = {}
  for (const [name, data] of Object.entries(options.state)) held[name] = await parts.runtime.upload(array(data))
  const keyOf = dropoutKeys(options.seed)
  const numbersOf = ({ step, totalSteps }: StepPlace) => {
    const learningRate = parts.optimizer.learningRate(step, totalSteps)
    return { learningRate, scalars: scalarArrays(parts.optimizer.scalars(step, learningRate)) }
  }
  const context = { parts, held, keyOf, numbersOf, options }
  return options.accumulate === 1 ? fusedSession(context) : accumulatingSession(context)
}

interface Context {
  readonly parts: ProgramParts
  readonly held: Readonly<Record<string, Resident>>
  readonly options: SessionOptions
  keyOf(step: number, microBatch: number): NdArray
  numbersOf(place: StepPlace): { readonly learningRate: number; readonly scalars: BatchArrays }
}

const fusedSession = ({ parts, held, keyOf, numbersOf }: Context): Session => {
  const program = fusedStep(parts)
  return {
    held,
    step: async (place, [batch]) => {
      const { learningRate, scalars } = numbersOf(place)
      const [, report, { gradNorm }] = await program(held, batch as never, keyOf(place.step, 0), scalars)
      return { reports: [sumsOf(report)], gradNorm: numberIn(gradNorm), learningRate }
    },
    dispose: () => program.dispose(),
  }
}

const accumulatingSession = async ({ parts, held, keyOf, numbersOf, options }: Context): Promise<Session> => {
  const [add, update] = [accumulateStep(parts), updateStep(parts)]
  const gradients = await parts.runtime.upload(array(new Float32Array(parts.policy.layout.size)))
  return {
    held,
    step: async (place, batches) => {
      const { learningRate, scalars } = numbersOf(place)
      const reports: Sums[] = []
      for (const batch of batches) {
        const key = keyOf(place.step, reports.length)
        const [, report] = await add({ gradients }, batch as never, key, held.parameters!)
        reports.push(sumsOf(report))
      }
      options.guard(place, reports)
      const weight = reports.reduce((total, report) => total + report.weight, 0)
      const [, { gradNorm }] = await update({ ...held, gradients }, weight, scalars)
      return { reports, gradNorm: numberIn(gradNorm), learningRate }
    },
    dispose: async () => {
      await Promise.all([add.dispose(), update.dispose()])
    },
  }
}

const numberIn = (value: NdArray): number => Number(value.data[0])

/** A copy of a flat vector on the runtime, in float32. */
export const downloadFloat32 = async (runtime: Runtime, resident: Resident): Promise<Float32Array> => {
  const { data } = await runtime.download(resident)
  return data instanceof Float32Array ? data : Float32Array.from(data as Float64Array)
}

/** Keys of the dropout masks of each micro-batch: a function of seed, step and micro-batch alone. */
const dropoutKeys = (seed: number): ((step: number, microBatch: number) => NdArray) => {
  const stream = foldIn(randomKey(seed), streams.dropout)
  return (step, microBatch) => {
    const key: RandomKey = foldIn(foldIn(stream, step), microBatch)
    return array(BigInt64Array.of(BigInt(key[0]), BigInt(key[1])))
  }
}
