/** What went wrong, in one stable word; `TensorError.code`. */
export type TensorErrorCode =
  | 'shape'
  | 'dtype'
  | 'argument'
  | 'dimension'
  | 'gradient'
  | 'file'
  | 'session'
  | 'run'
  | 'non-finite'
  | 'disposed'
  | 'cancelled'
  | 'crashed'

/** Fields that say where an error arose; all optional, all plain data. */
export interface TensorErrorFields {
  readonly op?: string
  readonly shapes?: readonly string[]
  readonly axis?: number
  readonly argument?: string
  readonly cause?: unknown
}

/**
 * Base of every error of this package: a sentence of the form
 * `<function>: <what was expected>, got <what arrived>. <what to do>.`, a stable code and typed fields.
 */
export class TensorError extends Error {
  override readonly name: string = 'TensorError'
  readonly code: TensorErrorCode
  readonly op: string | undefined
  readonly shapes: readonly string[] | undefined
  readonly axis: number | undefined
  readonly argument: string | undefined

  constructor(code: TensorErrorCode, message: string, fields: TensorErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.op = fields.op
    this.shapes = fields.shapes
    this.axis = fields.axis
    this.argument = fields.argument
  }
}

/** Shapes that do not fit an operation; thrown while tracing, in the caller's stack. */
export class ShapeError extends TensorError {
  override readonly name = 'ShapeError'
  constructor(message: string, fields: TensorErrorFields = {}) {
    super('shape', message, fields)
  }
}

/** Element types that do not fit an operation; thrown while tracing, in the caller's stack. */
export class DTypeError extends TensorError {
  override readonly name = 'DTypeError'
  constructor(message: string, fields: TensorErrorFields = {}) {
    super('dtype', message, fields)
  }
}
