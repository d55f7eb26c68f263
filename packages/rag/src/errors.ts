/** What went wrong, in one stable word; `RagError.code`. */
export type RagErrorCode =
  | 'option'
  | 'document'
  | 'no-documents'
  | 'duplicate-id'
  | 'split'
  | 'encoding'
  | 'row'
  | 'file'
  | 'index-format'
  | 'tokenizer'
  | 'embedding'
  | 'store'
  | 'budget'
  | 'model'
  | 'dependency'

/** Fields that say where an error arose; all optional, all plain data. */
export interface RagErrorFields {
  readonly operation?: string | undefined
  readonly path?: string | undefined
  readonly line?: number | undefined
  readonly id?: string | undefined
  readonly cause?: unknown
}

/**
 * Base of every error of this package: a sentence of the form
 * `<function>: <what was expected>, got <what arrived>. <what to do>.`, a stable code and typed fields.
 */
export class RagError extends Error {
  override readonly name: string = 'RagError'
  readonly code: RagErrorCode
  readonly operation: string | undefined
  readonly path: string | undefined
  readonly line: number | undefined
  readonly id: string | undefined

  constructor(code: RagErrorCode, message: string, fields: RagErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.operation = fields.operation
    this.path = fields.path
    this.line = fields.line
    this.id = fields.id
  }
}

/** True for a `RagError`, also one from another installed copy of this package. */
export const isRagError = (error: unknown): error is RagError =>
  error instanceof Error && (error.name === 'RagError' || error.name === 'SplitError')

/** The value as it may stand in a message: strings quoted, long ones cut, objects by their kind. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 60)}…'` : `'${value}'`
  if (value === null || typeof value !== 'object') return String(value)
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
}

/** `value` when it is a whole number of at least `least`. */
export function wholeNumber(operation: string, name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new RagError(
    'option',
    `${operation}: expected ${name} to be a whole number of at least ${least}, got ${shown(value)}. Pass such a number.`,
    { operation },
  )
}

/** `value` when it is a finite number from `least` to `most`. */
export function numberWithin(operation: string, name: string, value: number, least: number, most = Infinity): number {
  if (Number.isFinite(value) && value >= least && value <= most) return value
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`
  throw new RagError(
    'option',
    `${operation}: expected ${name} to be a number ${range}, got ${shown(value)}. Pass such a number.`,
    { operation },
  )
}

/** `value` when it is one of `allowed`. */
export function oneOf<T extends string>(operation: string, name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value
  throw new RagError(
    'option',
    `${operation}: expected ${name} to be one of ${allowed.join(', ')}, got ${shown(value)}. Check the spelling.`,
    { operation },
  )
}
