import type * as common from 'onnxruntime-common'
import type { NdArray } from '../array'
import type { TypedArray } from '../dtype'
import { TensorError } from '../errors'
import { type Executable, isResident, type Operand, type Resident } from '../runtime'
import type { Host } from './host'
import { letGo } from './let-go'
import { emptyLike, fromOrt, type OrtTensor, type OrtTensorConstructor, toOrt } from './ort'

/** What is used of ONNX Runtime; the same in Node and in browsers. */
export interface Ort {
  readonly InferenceSession: Pick<common.InferenceSessionFactory, 'create'>
  readonly Tensor: OrtTensorConstructor
}

/** A program as ONNX Runtime takes it. Plain data: it can be sent to another thread. */
export interface OrtModel {
  readonly name: string
  /** A file in ONNX's format. */
  readonly bytes: Uint8Array
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Op that each node of the graph was lowered from; for errors. */
  readonly ops: readonly string[]
  /** For each output, whether it may be written over the input of the same number; see `mayOverwrite`. */
  readonly overwrites: readonly boolean[]
  readonly session: common.InferenceSession.SessionOptions
}

interface Held extends Resident {
  tensor: OrtTensor
  spare: OrtTensor | undefined
}

/** What differs between builds of ONNX Runtime. */
export interface OrtHostOptions {
  /** Whether results go into arrays that they are given (in Node); else every call makes new ones (in browsers). */
  readonly writesInto: boolean
}

/** Sessions and arrays of ONNX Runtime in this thread. */
export const ortHost = (ort: Ort, { writesInto }: OrtHostOptions): Host<OrtModel> => {
  const sessions = new Set<common.InferenceSession>()
  const run = writesInto ? runInto(letGo()) : runAnew
  const tensorOf = (operand: Operand): OrtTensor =>
    isResident(operand) ? (operand as Held).tensor : toOrt(ort.Tensor, operand)
  const copyOf = (array: NdArray): OrtTensor => toOrt(ort.Tensor, { ...array, data: array.data.slice() })
  return {
    load: async (model) => {
      const session = await createSession(ort, model)
      sessions.add(session)
      return {
        run: (inputs, targets) =>
          run(ort, session, model, inputs.map(tensorOf), targets as readonly (Held | undefined)[]),
        dispose: async () => {
          if (sessions.delete(session)) await session.release()
        },
      } satisfies Executable
    },
    upload: async (array) => {
      const { dtype, shape } = array
      const held: Held = { resident: true, dtype, shape, tensor: copyOf(array), spare: undefined }
      return held
    },
    download: async (resident) => {
      const array = fromOrt((resident as Held).tensor)
      return { ...array, data: array.data.slice() }
    },
    write: async (resident, array) => {
      ;(resident as Held).tensor = copyOf(array)
    },
    dispose: async () => {
      await Promise.all([...sessions].map((session) => session.release()))
      sessions.clear()
    },
  }
}

const createSession = async (ort: Ort, model: OrtModel): Promise<common.InferenceSession> => {
  try {
    return await ort.InferenceSession.create(model.bytes, model.session)
  } catch (cause) {
    throw failure('session', `load: ${model.name} must be accepted by ONNX Runtime`, model, cause)
  }
}

type Run = (
  ort: Ort,
  session: common.InferenceSession,
  model: OrtModel,
  inputs: readonly OrtTensor[],
  targets: readonly (Held | undefined)[],
) => Promise<(NdArray | undefined)[]>

/** Results go into the arrays of their targets. ONNX Runtime returns copies of them as well, which are let go. */
const runInto =
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
      if (!overwrites[i]) swap(target)
      return undefined
    })
  }

const bufferOf = ({ data }: OrtTensor): ArrayBufferLike => (data as TypedArray).buffer

/** Results take the place of what their targets held. */
const runAnew: Run = async (_, session, model, inputs, targets) => {
  const results = await runSession(session, model, inputs, [])
  return model.outputs.map((output, i) => {
    const target = targets[i]
    if (!target) return fromOrt(results[output]!)
    target.tensor = results[output]!
    return undefined
  })
}

const runSession = async (
  session: common.InferenceSession,
  model: OrtModel,
  inputs: readonly OrtTensor[],
  buffers: readonly (OrtTensor | null)[],
): Promise<Readonly<Record<string, OrtTensor>>> => {
  const feeds = Object.fromEntries(model.inputs.map((input, i) => [input, inputs[i]!]))
  const fetches = Object.fromEntries(model.outputs.map((output, i) => [output, buffers[i] ?? null]))
  try {
    return (await session.run(feeds, fetches)) as Readonly<Record<string, OrtTensor>>
  } catch (cause) {
    throw failure('run', `run: ${model.name} must run`, model, cause)
  }
}

/** Buffer that a result goes to: the array itself where that is safe, else a second one that then takes its place. */
const destination = (ort: Ort, target: Held, overwrite: boolean): OrtTensor => {
  if (overwrite) return target.tensor
  target.spare ??= toOrt(ort.Tensor, emptyLike(target))
  return target.spare
}

const swap = (target: Held): void => {
  const written = target.spare!
  target.spare = target.tensor
  target.tensor = written
}

/** ONNX Runtime's sentence, with the node that it names and the op behind it. */
const failure = (code: 'session' | 'run', what: string, { ops }: OrtModel, cause: unknown): TensorError => {
  const message = (cause instanceof Error ? cause.message : String(cause)).trim()
  const [, node, index] = /(?:Node,? \("?|in node \(|Name:')(\w+_(\d+))\b/.exec(message) ?? []
  const op = index === undefined ? undefined : ops[Number(index)]
  const place = op === undefined ? '' : ` (node ${node} of op ${op})`
  return new TensorError(code, `${what}, got${place}: ${message}`, { ...(op && { node, op }), cause })
}
