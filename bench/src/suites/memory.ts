import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { PythonPeer } from '../python'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import type { MemoryFigures, MemoryTask } from './memory/child'
import { type TemporaryCheckpoint, temporaryCheckpoint } from './step/checkpoint'
import type { ProgramOptions } from './step/program'
import { gemma, llama, longLlama, peerWork, qwen, type StepShape } from './step/shapes'
import { type Slot, slot } from './step/slot'

/**
 * Largest resident memory of a process that runs LoRA steps, interpreter and mapped weights included, beside PyTorch's
 * with PEFT; ours in a process of its own each time. The lines also say what of it is mapped weights. Linux only.
 */
export const suite: Suite = { name: 'memory', cases }

interface Variant {
  readonly name: string
  readonly shape: StepShape
  readonly options?: ProgramOptions
  readonly everything?: boolean
  /** Default `float32`, beside a peer in float32; `int8` is beside one in bfloat16. */
  readonly weights?: 'float32' | 'int8'
}

const variants: readonly Variant[] = [
  { name: 'lora-step fp32 74m', shape: llama },
  { name: 'lora-step fp32 74m with evaluation and generation', shape: llama, everything: true },
  { name: 'lora-step fp32 74m prepacked', shape: llama, options: { prepack: true } },
  { name: 'lora-step fp32 74m T2048', shape: longLlama },
  { name: 'lora-step fp32 74m T2048 recomputed', shape: longLlama, options: { recompute: true } },
  { name: 'lora-step fp32 qwen2-0.5b', shape: qwen },
  { name: 'lora-step fp32 gemma3-270m', shape: gemma },
  { name: 'lora-step int8 74m', shape: llama, weights: 'int8' },
  { name: 'lora-step int8 74m with evaluation and generation', shape: llama, weights: 'int8', everything: true },
  { name: 'lora-step int8 74m T2048', shape: longLlama, weights: 'int8' },
  { name: 'lora-step int8 qwen2-0.5b', shape: qwen, weights: 'int8' },
  { name: 'lora-step int8 gemma3-270m', shape: gemma, weights: 'int8' },
]

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const peer = await options.startPeer('step', [String(availableParallelism())])
  const held = options.own(slot<TemporaryCheckpoint>())
  return variants.map((variant) => memoryCase(variant, held, peer))
}

const memoryCase = (
  { name, shape, options = {}, everything = false, weights = 'float32' }: Variant,
  held: Slot<TemporaryCheckpoint>,
  peer: PythonPeer | undefined,
): BenchCase => {
  const folder = async () => (await held.hold(JSON.stringify(shape.config), () => temporaryCheckpoint(shape))).folder
  const precision = weights === 'int8' ? 'bf16' : 'fp32'
  let last: MemoryFigures | undefined
  return {
    name: `${name} vs torch-${precision}`,
    unit: 'MB',
    higherIsBetter: false,
    peerName: `torch + peft ${precision}`,
    ours: async () => {
      last = await inOwnProcess({ folder: await folder(), shape, options, everything, weights })
      return last.peak
    },
    ...(peer && {
      peer: async () => peer.measure('memory', peerWork(shape, precision, await folder())),
      versions: peer.versions,
    }),
    details: async () => ({ ownMegabytes: last!.own, mappedMegabytes: last!.mapped }),
  }
}

const child = fileURLToPath(new URL('./memory/child.ts', import.meta.url))

const inOwnProcess = async (task: MemoryTask): Promise<MemoryFigures> => {
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, child, JSON.stringify(task)])
  return JSON.parse(stdout) as MemoryFigures
}
