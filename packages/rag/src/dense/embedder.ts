/** What a text is embedded as: some models put an instruction before queries. */
export type TextKind = 'query' | 'document'

/** Options of one call of an embedder. */
export interface EmbedOptions {
  readonly kind: TextKind
  readonly signal?: AbortSignal | undefined
}

/** Turns texts into vectors whose cosine tells how alike they are. */
export interface Embedder {
  /** Length of every vector. */
  readonly dimensions: number
  /** One vector a text, in order. */
  embed(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]>
}
