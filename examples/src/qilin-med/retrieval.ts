import { type Built, fingerprint } from '@qilin-med/chimed'
import {
  type Bm25,
  bm25,
  chunk,
  type DocumentInput,
  dense,
  fuse,
  type Retriever,
  splitGuard,
  transformersEmbedder,
} from '@qilin-med/rag'
import { collect } from './collect'
import type { Domain } from './domain'

/** A retriever and what its index holds. */
export interface Knowledge {
  readonly retriever: Retriever
  readonly report: Bm25['report']
}

/**
 * BM25 over the CPT corpus and the knowledge base, cut by sentences; with an embedder's folder, fused with dense search.
 * Rows of a test split cannot enter: the split manifest of the data is checked while indexing.
 */
export const buildKnowledge = async (domain: Domain, built: Built, embedder?: string): Promise<Knowledge> => {
  const { fingerprints } = built.manifest
  const guard = splitGuard({
    manifest: { version: 1, hash: 'chimed', splits: { ...fingerprints } },
    hash: fingerprint,
    onRefusal: 'exclude',
  })
  const corpus = built.train.cpt.map(
    ({ text, origin }, i): DocumentInput => ({ id: `cpt-${i}`, text, source: origin?.source ?? 'CPT corpus' }),
  )
  const documents = [...(await domain.knowledge()), ...corpus]
  // The manifest names whole rows: a passage keeps the fingerprint of the row it was cut from.
  const hashed = documents.map((document) => ({ ...document, contentHash: fingerprint(document.text) }))
  const chunks = await collect(chunk(hashed, domain.retrieval.splitter))
  const unique = distinct(chunks)
  const words = await bm25(unique, { guard })
  if (!embedder) return { retriever: words, report: words.report }
  const vectors = await dense(unique, { embedder: await transformersEmbedder(embedder), guard })
  return { retriever: fuse([words, vectors]), report: words.report }
}

/** The same sentence stands in many documents; the first of them keeps it. */
const distinct = <T extends { readonly text: string }>(chunks: readonly T[]): T[] => {
  const seen = new Set<string>()
  return chunks.filter(({ text }) => !seen.has(text) && seen.add(text))
}
