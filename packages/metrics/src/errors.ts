/** What went wrong, in one stable word; `MetricsError.code`. */
export type MetricsErrorCode =
  | 'length-mismatch'
  | 'empty'
  | 'missing-reference'
  | 'option'
  | 'value'
  | 'dependency'
  | 'data'
  | 'cache'
  | 'model'
  | 'cancelled'

/** Fields that say where an error arose; all optional, all plain data. */
export interface MetricsErrorFields {
  readonly operation?: string
  readonly index?: number
  readonly path?: string
  readonly line?: number
  readonly status?: number
  readonly cause?: unknown
}

/**
 * Base of every error of this package: a sentence of the form
 * `<function>: <what was expected>, got <what arrived>. <what to do>.`, a stable code and typed fields.
 */
export class MetricsError extends Error {
  override readonly name: string = 'MetricsError'
  readonly code: MetricsErrorCode
  readonly operation: string | undefined
  readonly index: number | undefined
  readonly path: string | undefined
  readonly line: number | undefined
  readonly status: number | undefined

  constructor(code: MetricsErrorCode, message: string, fields: MetricsErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.operation = fields.operation
    this.index = fields.index
    this.path = fields.path
    this.line = fields.line
    this.status = fields.status
  }
}

/** Throws unless both lists are of one length and hold something. */
export function checkPaired(
  operation: string,
  names: readonly [string, string],
  lengths: readonly [number, number],
): void {
  const [left, right] = lengths
  if (left !== right)
    throw new MetricsError(
      'length-mismatch',
      `${operation}: expected as many ${names[1]} as ${names[0]}, got ${left} ${names[0]} and ${right} ${names[1]}. Pair every row before scoring.`,
      { operation },
    )
  if (left === 0)
    throw new MetricsError(
      'empty',
      `${operation}: expected at least one row, got none. Check that the input file was read.`,
      {
        operation,
      },
    )
}

/**
 * Throws unless both lists are of one length, hold something, and hold texts only: a missing gold answer or reference is
 * `missing-reference`, a missing prediction `value`.
 */
export function checkTexts(
  operation: string,
  names: readonly [string, string],
  lists: readonly [readonly (string | undefined)[], readonly (string | undefined)[]],
): void {
  checkPaired(operation, names, [lists[0].length, lists[1].length])
  lists.forEach((list, side) => {
    const index = list.findIndex((text) => typeof text !== 'string')
    if (index < 0) return
    const gold = /^(gold|references)/.test(names[side]!)
    const advice = gold ? 'Drop the row or give it one' : "Use '' for an empty answer"
    throw new MetricsError(
      gold ? 'missing-reference' : 'value',
      `${operation}: expected texts as ${names[side]}, got ${String(list[index])} at row ${index}. ${advice}.`,
      { operation, index },
    )
  })
}
