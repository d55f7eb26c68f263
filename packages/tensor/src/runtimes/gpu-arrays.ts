import { dimension } from '../dimension'
import { type Program, trace } from '../trace'
import type { OrtTensor } from './ort'

/** Moves arrays between memory and the GPU, where sessions read and leave them without a copy. */
export interface GpuArrays {
  /** A tensor of the GPU with the same elements; the tensor itself where its type cannot stay there. */
  up(tensor: OrtTensor): Promise<OrtTensor>
  /** A tensor in memory with the same elements; the tensor itself where it is there. */
  down(tensor: OrtTensor): Promise<OrtTensor>
}

/** Runs a loaded program of one argument and one result. */
export type Move = (tensor: OrtTensor) => Promise<OrtTensor>

/** True for results that a session may leave on the GPU: float32, which is what parameters and optimiser state are, and not empty. */
export const staysOnGpu = ({ type, size }: { readonly type: string; readonly size: number }): boolean =>
  type === 'float32' && size > 0

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
    up: async (tensor) => (staysOnGpu(tensor) ? (await moveOf(tensor.dims.length, 1))(tensor) : tensor),
    down: async (tensor) => (isOnGpu(tensor) ? (await moveOf(tensor.dims.length, 0))(tensor) : tensor),
  }
}

/** True for a tensor whose elements are on the GPU. */
export const isOnGpu = ({ location }: OrtTensor): boolean => location === 'gpu-buffer'

const identity = (rank: number): Program => {
  const shape = Array.from({ length: rank }, (_, axis) => dimension(`A${axis}`))
  return trace((x) => [x], [{ dtype: 'float32', shape }], { name: 'move' }).program
}
