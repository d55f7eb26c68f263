import { availableParallelism } from 'node:os'
import { loadModel } from '@qilin-med/models'
import { lowerProgram, type Program, trace, writeModel } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { kilobytes } from './memory/process'
import { temporaryCheckpoint } from './step/checkpoint'
import { stepAdapter, stepFunction } from './step/program'
import { gemma, llama, qwen, type StepShape } from './step/shapes'

/**
 * What it takes until a LoRA step can run: tracing, differentiating and writing it as ONNX, and creating its session on
 * mapped weights. Milliseconds; there is no peer, since eager PyTorch has no such phase.
 */
export const suite: Suite = { name: 'compile', cases }

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  return (await Promise.all([llama, qwen, gemma].map((shape) => casesOf(shape, options)))).flat()
}

const casesOf = async (shape: StepShape, { own }: BenchOptions): Promise<BenchCase[]> => {
  const runtime = own(await nodeRuntime({ threads: availableParallelism() }))
  let folder: Promise<string> | undefined
  const model = async () => {
    folder ??= temporaryCheckpoint(shape).then((checkpoint) => own(checkpoint).folder)
    return loadModel(await folder, { runtime })
  }
  const write = async (): Promise<Written> => {
    const loaded = await model()
    const adapter = stepAdapter(loaded)
    const start = performance.now()
    const { step, inputs } = stepFunction(loaded, adapter)
    const { program } = trace(step, inputs, { name: 'lora-step' })
    const graph = lowerProgram(program, 'cpu')
    const bytes = writeModel(graph)
    return { ms: performance.now() - start, program, nodes: graph.nodes.length, kilobytes: bytes.length / 1000 }
  }
  let written: Written | undefined
  let grown = 0
  return [
    {
      name: `trace, differentiate and write ${shape.name}`,
      unit: 'ms',
      higherIsBetter: false,
      peerName: 'none',
      ours: async () => {
        written = await write()
        return written.ms
      },
      details: async () => ({ onnxNodes: written!.nodes, modelKilobytes: written!.kilobytes }),
    },
    {
      name: `create session ${shape.name}`,
      unit: 'ms',
      higherIsBetter: false,
      peerName: 'none',
      ours: async () => {
        const { program } = await write()
        const before = await kilobytes('RssAnon')
        const start = performance.now()
        const session = await runtime.load(program)
        const ms = performance.now() - start
        grown = (await kilobytes('RssAnon')) - before
        await session.dispose()
        return ms
      },
      details: async () => ({ copiedMegabytes: Math.max(0, grown) / 1000 }),
    },
  ]
}

interface Written {
  readonly ms: number
  readonly program: Program
  readonly nodes: number
  readonly kilobytes: number
}
