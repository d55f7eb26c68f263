import type * as common from 'onnxruntime-common'
import { TensorError } from '../errors'
import type { OrtTensor, OrtTensorConstructor } from './ort'

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

/** Results of a session by name. */
export type OrtResults = Readonly<Record<string, OrtTensor>>

/** @throws TensorError `session` */
export const createSession = async (ort: Ort, model: OrtModel): Promise<common.InferenceSession> => {
  try {
    return await ort.InferenceSession.create(model.bytes, model.session)
  } catch (cause) {
    throw failure('session', `load: ${model.name} must be accepted by ONNX Runtime`, model, cause)
  }
}

/**
 * One call.
 *
 * @param buffers what results are written into, by number; null and what is missing: anything new
 * @throws TensorError `run`
 */
export const runSession = async (
  session: common.InferenceSession,
  model: OrtModel,
  inputs: readonly OrtTensor[],
  buffers: readonly (OrtTensor | null)[],
): Promise<OrtResults> => {
  const feeds = Object.fromEntries(model.inputs.map((input, i) => [input, inputs[i]!]))
  const fetches = Object.fromEntries(model.outputs.map((output, i) => [output, buffers[i] ?? null]))
  try {
    return (await session.run(feeds, fetches)) as OrtResults
  } catch (cause) {
    throw failure('run', `run: ${model.name} must run`, model, cause)
  }
}

/** ONNX Runtime's sentence, with the node that it names and the op behind it. */
const failure = (code: 'session' | 'run', what: string, { ops }: OrtModel, cause: unknown): TensorError => {
  const message = (cause instanceof Error ? cause.message : String(cause)).trim()
  const [, node, index] = /(?:Node,? \("?|in node \(|Name:')(\w+_(\d+))\b/.exec(message) ?? []
  const op = index === undefined ? undefined : ops[Number(index)]
  const place = op === undefined ? '' : ` (node ${node} of op ${op})`
  return new TensorError(code, `${what}, got${place}: ${message}`, { ...(op && { node, op }), cause })
}
