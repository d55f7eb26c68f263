import { RagError, shown } from '../errors'
import { type Document, type Documents, toDocument } from './document'
import { type Refusal, SplitError, type SplitGuard, splitGuard } from './split-guard'

/** What an index was built from. `received = indexed + refused`. */
export interface IndexReport {
  readonly received: number
  readonly indexed: number
  /** Documents left out because of their split. */
  readonly refused: number
  /** The same by split and reason (`test by label`, `test by manifest`, ...). */
  readonly refusedBy: Readonly<Record<string, number>>
  /** The first five refusals. */
  readonly refusals: readonly Refusal[]
  /** Indexed documents without any text that can be found. */
  readonly empty: number
}

/** The documents that may be indexed, and the report on the others. */
export interface Admitted {
  readonly documents: Document[]
  readonly report: Omit<IndexReport, 'empty'>
}

/** Options shared by everything that builds an index. */
export interface AdmitOptions {
  /** Which splits are refused; by default every document labelled test or validation, with an error. */
  readonly guard?: SplitGuard | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads `documents` to their end and admits those outside the refused splits.
 *
 * @throws SplitError        when a document is refused and the guard does not exclude
 * @throws RagError (`no-documents`) when nothing is left, (`duplicate-id`) when two share an id, (`document`) for one without text
 */
export async function admit(
  operation: string,
  documents: Documents,
  { guard = splitGuard(), signal }: AdmitOptions = {},
): Promise<Admitted> {
  const admitted: Document[] = []
  const refusals: Refusal[] = []
  const refusedBy: Record<string, number> = {}
  const positions = new Map<string, number>()
  let received = 0
  let refused = 0
  for await (const input of documents) {
    signal?.throwIfAborted()
    const document = toDocument(input, received++)
    const refusal = guard.check(document)
    if (refusal === undefined) {
      unique(operation, positions, document.id, received)
      admitted.push(document)
      continue
    }
    refused++
    const reason = `${refusal.split} by ${refusal.by}`
    refusedBy[reason] = (refusedBy[reason] ?? 0) + 1
    if (refusals.length < 5) refusals.push(refusal)
  }
  if (refused > 0 && guard.onRefusal === 'throw') throw new SplitError(operation, refused, refusals)
  if (admitted.length === 0) throw nothing(operation, received)
  return { documents: admitted, report: { received, indexed: admitted.length, refused, refusedBy, refusals } }
}

function unique(operation: string, positions: Map<string, number>, id: string, position: number): void {
  const earlier = positions.get(id)
  if (earlier !== undefined)
    throw new RagError(
      'duplicate-id',
      `${operation}: expected every document to have an id of its own, got ${shown(id)} at ${earlier} and ${position}. Number the documents, or leave 'id' out.`,
      { operation, id },
    )
  positions.set(id, position)
}

const nothing = (operation: string, received: number): RagError =>
  new RagError(
    'no-documents',
    received === 0
      ? `${operation}: expected at least one document, got none. Check the source; a generator can be read only once, so give each index its own or an array.`
      : `${operation}: expected at least one document outside the refused splits, got ${received} refused ones. Check how the data was split.`,
    { operation },
  )
