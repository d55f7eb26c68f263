import { type AdmitOptions, admit, type IndexReport } from '../documents/admit'
import type { Document, Documents } from '../documents/document'
import { RagError, wholeNumber } from '../errors'
import { checkedHits, type Retriever } from '../retriever'
import type { Embedder } from './embedder'
import { memoryStore } from './memory-store'
import type { VectorRecord, VectorStore } from './vector-store'

/** Options of `dense`. */
export interface DenseOptions extends AdmitOptions {
  readonly embedder: Embedder
  /** Where the vectors go; by default a new `memoryStore`. */
  readonly store?: VectorStore | undefined
  /** Texts handed to the embedder at once. */
  readonly batch?: number
  /** Called after every batch. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined
}

/** A retriever over vectors. */
export interface Dense extends Retriever {
  readonly report: IndexReport
  readonly store: VectorStore
}

/**
 * A dense index over `documents`: every text is embedded and put into a store. Texts of white space only are not embedded
 * and counted as empty.
 *
 * @throws SplitError when a document of a refused split arrives, RagError (`no-documents`, `duplicate-id`, `document`,
 *   `option`), (`embedding`) when the embedder returns something else than one finite vector a text
 */
export async function dense(
  documents: Documents,
  {
    embedder,
    store = memoryStore({ dimensions: embedder.dimensions }),
    batch = 32,
    onProgress,
    guard,
    signal,
  }: DenseOptions,
): Promise<Dense> {
  wholeNumber('dense', 'batch', batch, 1)
  const retriever = denseOver(store, embedder)
  const admitted = await admit('dense', documents, { guard, signal })
  const filled = admitted.documents.filter(({ text }) => /\S/.test(text))
  for (let start = 0; start < filled.length; start += batch) {
    await store.add(await embedded(embedder, filled.slice(start, start + batch), signal))
    onProgress?.({ done: Math.min(start + batch, filled.length), total: filled.length })
  }
  return { ...retriever, store, report: { ...admitted.report, empty: admitted.documents.length - filled.length } }
}

/**
 * A retriever over a store that is already filled.
 *
 * @throws RagError (`embedding`) when the embedder's vectors have another length than the store's
 */
export function denseOver(store: VectorStore, embedder: Embedder): Retriever {
  if (store.dimensions !== embedder.dimensions)
    throw new RagError(
      'embedding',
      `dense: expected an embedder of ${store.dimensions} dimensions, as the store has, got ${embedder.dimensions}. Use the embedder that filled the store.`,
      { operation: 'dense' },
    )
  return {
    async retrieve(query, options = {}) {
      const k = checkedHits('dense', options)
      const { signal } = options
      if (!/\S/.test(query)) return []
      const [vector] = await embedder.embed([query], { kind: 'query', signal })
      if (vector === undefined) throw wrongCount(0, 1)
      return store.search(vector, { k, signal })
    },
  }
}

async function embedded(embedder: Embedder, batch: readonly Document[], signal?: AbortSignal): Promise<VectorRecord[]> {
  signal?.throwIfAborted()
  const texts = batch.map(({ text }) => text)
  const vectors = await embedder.embed(texts, { kind: 'document', signal })
  if (vectors.length !== batch.length) throw wrongCount(vectors.length, batch.length)
  return batch.map((document, i) => ({ document, vector: vectors[i]! }))
}

const wrongCount = (got: number, expected: number): RagError =>
  new RagError(
    'embedding',
    `dense: expected ${expected} vectors from the embedder, one a text, got ${got}. Check the embedder.`,
    { operation: 'dense' },
  )
