import type { Document } from './documents/document'
import { wholeNumber } from './errors'

/** A document found for a query. Higher scores are better; scores of different retrievers are not comparable. */
export interface Hit extends Document {
  readonly score: number
}

/** Options of one retrieval. */
export interface RetrieveOptions {
  /** Most hits to return; default 5, as in the paper. */
  readonly k?: number | undefined
  /** Stops a retrieval that is under way; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** Anything that finds documents for a query. Hits come best first, at most `k`, fewer when fewer match. */
export interface Retriever {
  retrieve(query: string, options?: RetrieveOptions): Promise<Hit[]>
}

/** The paper's number of entries inserted into a prompt (§4.5). */
export const defaultHits = 5

/** The checked `k` of a retrieval; throws the signal's reason when it is already aborted. */
export function checkedHits(operation: string, { k = defaultHits, signal }: RetrieveOptions = {}): number {
  signal?.throwIfAborted()
  return wholeNumber(operation, 'k', k, 0)
}
