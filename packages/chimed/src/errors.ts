/** Stable names of what can go wrong in this package; one row of a table in the README. */
export type ChimedErrorCode =
  | 'file-missing'
  | 'file-empty'
  | 'file-truncated'
  | 'file-encoding'
  | 'file-format'
  | 'file-write'
  | 'path-escape'
  | 'column-missing'
  | 'row'
  | 'option'
  | 'split'
  | 'shard'
  | 'download'
  | 'dependency'

/** Where the fault lies. */
export interface ChimedErrorFields {
  readonly path?: string | undefined
  readonly line?: number | undefined
  readonly cause?: unknown
}

/** The one error class of this package: a stable `code`, the file and line when there is one, and a sentence that says what to do. */
export class ChimedError extends Error {
  override readonly name = 'ChimedError'
  readonly code: ChimedErrorCode
  readonly path: string | undefined
  readonly line: number | undefined

  constructor(code: ChimedErrorCode, message: string, { path, line, cause }: ChimedErrorFields = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.path = path
    this.line = line
  }
}

/** True for a `ChimedError`, also one from another installed copy of this package. */
export const isChimedError = (error: unknown): error is ChimedError =>
  error instanceof Error && error.name === 'ChimedError'
