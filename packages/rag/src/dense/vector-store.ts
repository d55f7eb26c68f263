import type { Document } from '../documents/document'
import type { Hit } from '../retriever'

/** A document and its vector. */
export interface VectorRecord {
  readonly document: Document
  /** Of any length above 0; stores compare directions (cosine). */
  readonly vector: Float32Array
}

/** Metadata that a hit must have: every named value equal. */
export type Where = Readonly<Record<string, string | number | boolean>>

/** Options of one search. */
export interface VectorSearchOptions {
  readonly k: number
  readonly where?: Where | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Where vectors live: in memory, in a folder, in a database. Small on purpose, so that an adapter for LanceDB, Qdrant
 * or pgvector is a page of code; `memoryStore` and `fileStore` are the built-in ones.
 */
export interface VectorStore {
  readonly dimensions: number
  /** Adds records, all or none of them; one with the id of an earlier record takes its place. */
  add(records: readonly VectorRecord[]): Promise<void>
  /** Up to `k` records with the largest cosine to `vector`, best first, the cosine as score. */
  search(vector: Float32Array, options: VectorSearchOptions): Promise<Hit[]>
  /** Removes the records with these ids; returns how many there were. */
  remove(ids: readonly string[]): Promise<number>
  count(): Promise<number>
}
