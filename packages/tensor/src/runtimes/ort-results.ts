import type * as common from 'onnxruntime-common'
import type { NdArray } from '../array'
import type { TypedArray } from '../dtype'
import type { Resident } from '../runtime'
import { type GpuArrays, isOnGpu } from './gpu-arrays'
import { emptyLike, fromOrt, type OrtTensor, toOrt } from './ort'
import { type Ort, type OrtModel, runSession } from './ort-session'

/** Where the elements of a resident array are. */
export interface Cell {
  tensor: OrtTensor
  /** A second buffer of the same size, where one was needed. */
  spare?: OrtTensor
  /** Session whose result it is, on a GPU: such a tensor must not outlive it. */
  maker?: common.InferenceSession | undefined
}

/** A resident array of ONNX Runtime. */
export interface Held extends Resident {
  readonly cell: Cell
}

/** One call: results that have a target go there, the others are returned. */
export type Run = (
  ort: Ort,
  session: common.InferenceSession,
  model: OrtModel,
  inputs: readonly OrtTensor[],
  targets: readonly (Held | undefined)[],
) => Promise<(NdArray | undefined)[]>

/** Results go into the arrays of their targets. ONNX Runtime returns copies of them as well, which are let go. */
export const runInto =
  (release: (buffer: ArrayBufferLike) => void): Run =>
  async (ort, session, model, inputs, targets) => {
    const { outputs, overwrites } = model
    const buffers = targets.map((target, i) => (target ? destination(ort, target, overwrites[i]!) : null))
    const results = await runSession(session, model, inputs, buffers)
    return outputs.map((output, i) => {
      const result = results[output]!
      const target = targets[i]
      if (!target) return fromOrt(result)
      if (bufferOf(result) !== bufferOf(buffers[i]!)) release(bufferOf(result))
      if (!overwrites[i]) swap(target.cell)
      return undefined
    })
  }

const bufferOf = ({ data }: OrtTensor): ArrayBufferLike => (data as TypedArray).buffer

/** Results take the place of what their targets held; what is returned comes into memory. */
export const runAnew =
  (gpu?: GpuArrays): Run =>
  async (_, session, model, inputs, targets) => {
    const results = await runSession(session, model, inputs, [])
    const returned: (NdArray | undefined)[] = []
    for (const [i, output] of model.outputs.entries()) {
      const result = results[output]!
      const target = targets[i]
      if (target) replace(target.cell, result, session)
      returned.push(target ? undefined : await inMemory(result, gpu))
    }
    return returned
  }

/** Puts `tensor` in the place of what was there. */
export const replace = (cell: Cell, tensor: OrtTensor, maker?: common.InferenceSession): void => {
  free(cell.tensor)
  cell.tensor = tensor
  cell.maker = isOnGpu(tensor) ? maker : undefined
}

/** Frees the memory of the GPU at once; other memory is the garbage collector's. */
export const free = (tensor: OrtTensor): void => {
  if (isOnGpu(tensor)) tensor.dispose()
}

const inMemory = async (result: OrtTensor, gpu: GpuArrays | undefined): Promise<NdArray> => {
  const array = fromOrt(gpu ? await gpu.down(result) : result)
  free(result)
  return array
}

/** Buffer that a result goes to: the array itself where that is safe, else a second one that then takes its place. */
const destination = (ort: Ort, { cell, dtype, shape }: Held, overwrite: boolean): OrtTensor => {
  if (overwrite) return cell.tensor
  cell.spare ??= toOrt(ort.Tensor, emptyLike({ dtype, shape }))
  return cell.spare
}

const swap = (cell: Cell): void => {
  const written = cell.spare!
  cell.spare = cell.tensor
  cell.tensor = written
}
