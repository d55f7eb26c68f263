/** What went wrong, in one stable word; `LossError.code`. */
export type LossErrorCode = 'option' | 'shape' | 'missing-reference' | 'missing-tokens' | 'missing-input'

/** Fields that say where an error arose; all optional, all plain data. */
export interface LossErrorFields {
  /** Function that was called. */
  readonly loss?: string
  /** Option or operand at fault. */
  readonly operand?: string
}

/**
 * Base of every error of this package: a sentence of the form
 * `<function>: <what was expected>, got <what arrived>. <what to do>.`, a stable code and typed fields.
 */
export class LossError extends Error {
  override readonly name: string = 'LossError'
  readonly code: LossErrorCode
  readonly loss: string | undefined
  readonly operand: string | undefined

  constructor(code: LossErrorCode, message: string, fields: LossErrorFields = {}) {
    super(message)
    this.code = code
    this.loss = fields.loss
    this.operand = fields.operand
  }
}

/** A preference loss asked for the reference model's log-probabilities and none were given. */
export class MissingReferenceError extends LossError {
  override readonly name = 'MissingReferenceError'
  constructor(loss = 'loss', advice = 'or use a loss without one (simpo, orpo)') {
    super(
      'missing-reference',
      `${loss}: expected log-probabilities of the reference model, got none. Pass 'reference', ${advice}.`,
      { loss, operand: 'reference' },
    )
  }
}

/** What an option must be, and what to do when it is not. */
export interface Requirement {
  readonly loss: string
  readonly operand: string
  readonly got: unknown
  readonly expected: string
  readonly advice: string
}

/** @throws LossError with code `option` unless `holds` */
export const requireOption = (holds: boolean, { loss, operand, got, expected, advice }: Requirement): void => {
  if (!holds) throw new LossError('option', `${loss}: expected ${expected}, got ${got}. ${advice}`, { loss, operand })
}
