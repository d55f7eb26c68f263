import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createGenerator, loadModel } from '@qilin-med/models'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { batchOf, loadedStep, lossProgram, type ProgramOptions, stepAdapter } from '../step/program'
import type { StepShape } from '../step/shapes'
import { kilobytes } from './process'

/** What a fresh process is to do before its memory is read. */
export interface MemoryTask {
  readonly folder: string
  readonly shape: StepShape
  readonly options: ProgramOptions
  /** True to run an evaluation and a generation program on the same weights too. */
  readonly everything: boolean
  readonly weights: 'float32' | 'int8'
}

/** Megabytes of the process after three steps. */
export interface MemoryFigures {
  /** Largest resident size, mapped weights and Node included. */
  readonly peak: number
  /** Resident and not from files: what the process has for itself. */
  readonly own: number
  /** Resident from files: weights, which all programs and processes share. */
  readonly mapped: number
}

const task = JSON.parse(process.argv[2]!) as MemoryTask

const main = async ({ folder, shape, options, everything, weights }: MemoryTask): Promise<MemoryFigures> => {
  await using runtime = await nodeRuntime({ threads: availableParallelism() })
  const model = await loadModel(folder, { runtime, weights, cacheFolder: join(folder, 'weights') })
  const step = await loadedStep(shape, model, options)
  for (let i = 0; i < 3; i++) await step.run()
  if (everything) {
    const adapter = stepAdapter(model)
    const values = { dtype: 'float32' as const, shape: [adapter.values.length], data: adapter.values }
    await lossProgram(model, adapter)(batchOf(shape), values)
    await createGenerator(model, adapter).generate([[1, 2, 3]], { maxTokens: 2, stopIds: [] })
    await step.run()
  }
  const [peak, own, mapped] = await Promise.all(['VmHWM', 'RssAnon', 'RssFile'].map(kilobytes))
  return { peak: peak! / 1000, own: own! / 1000, mapped: mapped! / 1000 }
}

main(task).then(
  (figures) => process.stdout.write(JSON.stringify(figures)),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`)
    process.exitCode = 1
  },
)
