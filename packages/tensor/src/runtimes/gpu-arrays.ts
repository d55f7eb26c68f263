import { dimension } from '../dimension'
import type { Graph } from '../onnx/graph'
import { type Program, trace } from '../trace'
import type { HostLoadOptions } from './host'
import type { OrtTensor } from './ort'
import type { OrtModel } from './ort-session'

/** Type of arrays that stay on the GPU: that of parameters and optimiser state. */
const keptType = 'float32'

/** Moves arrays between memory and the GPU, where sessions read and leave them without a copy. */
export interface GpuArrays {
  /** A tensor of the GPU with the same elements; the tensor itself where its type cannot stay there. */
  up(tensor: OrtTensor): Promise<OrtTensor>
  /** A tensor in memory with the same elements; the tensor itself where it is there. */
  down(tensor: OrtTensor): Promise<OrtTensor>
}

/** Runs a loaded program of one argument and one result. */
export type Move = (tensor: OrtTensor) => Promise<OrtTensor>

/**
 * Arrays of a GPU, by programs that return their argument: in Node ONNX Runtime offers no other way back.
 *
 * @param load loads a program, whose result stays on the GPU where `carried` is 1
 */
export const gpuArrays = (load: (program: Program, carried: 0 | 1) => Promise<Move>): GpuArrays => {
  const moves = new Map<string, Move>()
  const moveOf = async (rank: number, carried: 0 | 1): Promise<Move> => {
    const key = `${rank} ${carried}`
    const move = moves.get(key) ?? (await load(identity(rank), carried))
    moves.set(key, move)
    return move
  }
  return {
    up: async (tensor) =>
      tensor.type === keptType && tensor.size > 0 ? (await moveOf(tensor.dims.length, 1))(tensor) : tensor,
    down: async (tensor) => (isOnGpu(tensor) ? (await moveOf(tensor.dims.length, 0))(tensor) : tensor),
  }
}

/** Session options that keep carried results on the GPU, but for empty ones; all other results come into memory. */
export const resultsOnGpu = (
  { outputs }: Pick<Graph, 'outputs'>,
  { carried = 0, empty }: HostLoadOptions,
): Pick<OrtModel['session'], 'preferredOutputLocation'> => {
  if (carried === 0 || empty?.size) return {}
  const places = outputs.map(({ name, dtype, shape }, i) => {
    const stays = i < carried && dtype === keptType && !shape.includes(0)
    return [name, stays ? 'gpu-buffer' : 'cpu'] as const
  })
  return { preferredOutputLocation: Object.fromEntries(places) }
}

/** True for a tensor whose elements are on the GPU. */
export const isOnGpu = ({ location }: OrtTensor): boolean => location === 'gpu-buffer'

const identity = (rank: number): Program => {
  const shape = Array.from({ length: rank }, (_, axis) => dimension(`A${axis}`))
  return trace((x) => [x], [{ dtype: keptType, shape }], { name: 'move' }).program
}
