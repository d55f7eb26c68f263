import type { NdArray } from '../array'
import { DTypeError, ShapeError, TensorError, type TensorErrorCode, type TensorErrorFields } from '../errors'
import type { OrtModel } from './ort-session'

/** An operand on its way to the worker: elements, or the number of an array that the worker keeps. */
export type SentOperand = NdArray | number

/** What the worker is asked to do. Programs and arrays are numbered by the side that asks. */
export type Request =
  | { readonly type: 'load'; readonly program: number; readonly model: OrtModel }
  | {
      readonly type: 'run'
      readonly program: number
      readonly inputs: readonly SentOperand[]
      readonly targets: readonly (number | undefined)[]
      /** Where in the shared flags a 1 says that the call was cancelled. */
      readonly flag: number
    }
  | { readonly type: 'release'; readonly program: number }
  | { readonly type: 'upload' | 'write'; readonly resident: number; readonly array: NdArray }
  | { readonly type: 'download'; readonly resident: number }
  | { readonly type: 'free'; readonly resident: number }
  | { readonly type: 'dispose' }

/** A request with the number that its reply carries. */
export interface Envelope {
  readonly id: number
  readonly request: Request
}

/** What the worker answers; `id` 0 says that it is ready. */
export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError }

/** What the worker is started with. */
export interface WorkerStart {
  readonly flags: Int32Array
  readonly provider: 'cpu' | 'webgpu'
}

/** An error as plain data. */
export interface SentError extends TensorErrorFields {
  readonly name: string
  readonly code?: TensorErrorCode
  readonly message: string
  readonly stack: string | undefined
}

/** `error` as plain data that can be sent between threads. */
export const sentError = (error: unknown): SentError => {
  const { name, message, stack, cause } = error instanceof Error ? error : new Error(String(error))
  const fields: Omit<TensorErrorFields, 'cause'> = error instanceof TensorError ? { ...error } : {}
  return { ...fields, name, message, stack, ...(cause !== undefined && { cause: sentCause(cause) }) }
}

/** Causes may hold what cannot be cloned; their name and sentence remain. */
const sentCause = (cause: unknown): unknown =>
  cause instanceof Error ? { name: cause.name, message: cause.message } : String(cause)

/** The error that was sent, of its own class and with its code, fields and stack. */
export const receivedError = ({ name, code, message, stack, cause, ...fields }: SentError): Error => {
  const given = { ...fields, ...(cause !== undefined && { cause: receivedCause(cause) }) }
  const error =
    code === undefined ? Object.assign(new Error(message, given), { name }) : typedError(name, code, message, given)
  if (stack !== undefined) error.stack = stack
  return error
}

const typedError = (name: string, code: TensorErrorCode, message: string, fields: TensorErrorFields): TensorError => {
  if (name === 'ShapeError') return new ShapeError(message, fields)
  if (name === 'DTypeError') return new DTypeError(message, fields)
  return new TensorError(code, message, fields)
}

const receivedCause = (cause: unknown): unknown => {
  if (typeof cause !== 'object' || cause === null) return cause
  const { name, message } = cause as { readonly name: string; readonly message: string }
  return Object.assign(new Error(message), { name })
}
