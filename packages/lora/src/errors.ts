/** What went wrong, in one stable word. */
export type LoraErrorCode = 'options' | 'targets' | 'file' | 'mismatch' | 'non-finite'

/** Base of every error of this package: a sentence that says what was expected, what arrived and what to do. */
export class LoraError extends Error {
  override readonly name = 'LoraError'
  readonly code: LoraErrorCode
  readonly path: string | undefined
  readonly module: string | undefined

  constructor(
    code: LoraErrorCode,
    message: string,
    fields: { readonly path?: string; readonly module?: string; readonly cause?: unknown } = {},
  ) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.path = fields.path
    this.module = fields.module
  }
}
