import type * as common from 'onnxruntime-common'
import type { NdArray } from '../array'
import { type Executable, isResident, type Operand } from '../runtime'
import type { Program } from '../trace'
import { gpuArrays, isOnGpu } from './gpu-arrays'
import type { Host } from './host'
import { letGo } from './let-go'
import { fromOrt, type OrtTensor, toOrt } from './ort'
import { type Cell, free, type Held, replace, runAnew, runInto } from './ort-results'
import { createSession, type Ort, type OrtModel, runSession } from './ort-session'

/**
 * What becomes of the results for resident arrays: in Node they are written into these arrays, browsers make new ones at
 * every call, and on a GPU they stay there.
 */
export type OrtHostOptions =
  | { readonly results: 'written into arrays' | 'new arrays' }
  | {
      readonly results: 'on the GPU'
      /** `program` as a model whose first `carried` results stay on the GPU. */
      modelOf(program: Program, carried: number): OrtModel
    }

/** Sessions and arrays of ONNX Runtime in this thread. */
export const ortHost = (ort: Ort, options: OrtHostOptions): Host<OrtModel> => {
  const sessions = new Set<common.InferenceSession>()
  const cells = new Set<Cell>()
  const forget = (cell: Cell): void => {
    free(cell.tensor)
    cells.delete(cell)
  }
  const forgotten = new FinalizationRegistry(forget)
  const inUse = new Set<readonly Operand[]>() // arrays that nobody else holds must live until a call has read them
  const open = async (model: OrtModel): Promise<common.InferenceSession> => {
    const session = await createSession(ort, model)
    sessions.add(session)
    return session
  }
  const gpu =
    options.results === 'on the GPU'
      ? gpuArrays(async (program, carried) => {
          const model = options.modelOf(program, carried)
          const session = await open(model)
          return async (tensor) => (await runSession(session, model, [tensor], []))[model.outputs[0]!]!
        })
      : undefined
  /** Copies what a session has made, and arrays still hold, before that session ends. */
  const outlive = async (session: common.InferenceSession): Promise<void> => {
    for (const cell of cells) if (cell.maker === session) replace(cell, await gpu!.up(cell.tensor))
  }
  const run = options.results === 'written into arrays' ? runInto(letGo()) : runAnew(gpu)
  const tensorOf = (operand: Operand): OrtTensor =>
    isResident(operand) ? (operand as Held).cell.tensor : toOrt(ort.Tensor, operand)
  /** A tensor of its own: one of the GPU where it can be one, else a copy in memory. */
  const keep = async (array: NdArray): Promise<OrtTensor> => {
    const given = toOrt(ort.Tensor, array)
    const kept = gpu ? await gpu.up(given) : given
    return kept === given ? toOrt(ort.Tensor, copyOf(array)) : kept
  }
  return {
    load: async (model) => {
      const session = await open(model)
      return {
        run: async (inputs, targets) => {
          inUse.add(inputs)
          try {
            return await run(ort, session, model, inputs.map(tensorOf), targets as readonly (Held | undefined)[])
          } finally {
            inUse.delete(inputs)
          }
        },
        dispose: async () => {
          if (!sessions.delete(session)) return
          await outlive(session)
          await session.release()
        },
      } satisfies Executable
    },
    upload: async (array) => {
      const cell: Cell = { tensor: await keep(array) }
      const held: Held = { resident: true, dtype: array.dtype, shape: array.shape, cell }
      if (!gpu) return held
      cells.add(cell)
      forgotten.register(held, cell)
      return held
    },
    download: async (resident) => {
      const { tensor } = (resident as Held).cell
      if (gpu && isOnGpu(tensor)) return fromOrt(await gpu.down(tensor))
      return copyOf(fromOrt(tensor))
    },
    write: async (resident, array) => replace((resident as Held).cell, await keep(array)),
    dispose: async () => {
      for (const cell of cells) forget(cell)
      await Promise.all([...sessions].map((session) => session.release()))
      sessions.clear()
    },
  }
}

const copyOf = (array: NdArray): NdArray => ({ ...array, data: array.data.slice() })
