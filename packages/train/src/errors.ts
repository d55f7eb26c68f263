/** What went wrong in this package; stable names to branch on. */
export type TrainErrorCode =
  | 'option'
  | 'empty-data'
  | 'split'
  | 'bad-row'
  | 'no-labels'
  | 'no-reference'
  | 'non-finite'
  | 'unfinished'
  | 'checkpoint-write'
  | 'checkpoint-read'
  | 'checkpoint-mismatch'
  | 'report-write'

/** Where an error of this package belongs; what does not apply is left out. */
export interface TrainErrorFields {
  /** Option concerned. */
  readonly option?: string
  /** Row of the data, counted from 0. */
  readonly row?: number
  /** Optimiser step, counted from 1. */
  readonly step?: number
  /** File or folder concerned. */
  readonly path?: string
  readonly cause?: unknown
}

/**
 * Base of all errors of this package: a sentence of the form
 * `<function>: <what was expected>, got <what arrived>. <what to do>.`, a stable code and typed fields.
 */
export class TrainError extends Error {
  override readonly name: string = 'TrainError'
  readonly code: TrainErrorCode
  readonly option: string | undefined
  readonly row: number | undefined
  readonly step: number | undefined
  readonly path: string | undefined

  constructor(code: TrainErrorCode, message: string, { option, row, step, path, cause }: TrainErrorFields = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.option = option
    this.row = row
    this.step = step
    this.path = path
  }
}
