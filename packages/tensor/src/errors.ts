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
  /** Node of the ONNX graph, such as `MatMul_12`. */
  readonly node?: string
  /** File that constants lie in. */
  readonly path?: string
  /** `path:line:column` of the source that made the value. */
  readonly origin?: string
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
  readonly node: string | undefined
  readonly path: string | undefined
  readonly origin: string | undefined

  constructor(code: TensorErrorCode, message: string, fields: TensorErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.op = fields.op
    this.shapes = fields.shapes
    this.axis = fields.axis
    this.argument = fields.argument
    this.node = fields.node
    this.path = fields.path
    this.origin = fields.origin
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
