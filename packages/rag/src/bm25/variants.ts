/**
 * Which BM25. The first five are those of bm25s (Kamphuis et al. 2020); `okapi` and `rank-bm25l` are the classes
 * `BM25Okapi` (behind LangChain's retriever) and `BM25L` of rank_bm25, whose `BM25Plus` equals `bm25+`.
 */
export type Bm25Variant = 'lucene' | 'robertson' | 'atire' | 'bm25l' | 'bm25+' | 'okapi' | 'rank-bm25l'

/** Numbers of a BM25. */
export interface Bm25Parameters {
  /** How slowly repeats of a term stop counting. */
  readonly k1: number
  /** How much long documents are held back, 0 to 1. */
  readonly b: number
  /** Least credit for a term that occurs: `bm25l`, `bm25+` and `rank-bm25l` only. */
  readonly delta: number
  /** Weight of a term found in more than half of the documents, as a share of the mean: `okapi` only. */
  readonly epsilon: number
}

/** Score that a term with rarity `idf`, found `tf` times, brings to a document of length part `norm`. */
export type Credit = (idf: number, tf: number, norm: number) => number

/** One BM25 in four functions. N documents, df of them with the term, tf times in the one being scored. */
interface Variant {
  readonly defaults: Partial<Bm25Parameters>
  /** Rarity of a term. */
  idf(df: number, N: number): number
  /** Length part of the score, once per document. */
  norm(length: number, average: number, p: Bm25Parameters): number
  /** The credit of a term that occurs. Written as the reference writes it, so that rounding agrees. */
  credit(p: Bm25Parameters): Credit
  /** Credit over `idf` that the reference gives every document for a term that does not occur; 0 where left out. */
  absent?(p: Bm25Parameters): number
}

const plain: Variant['norm'] = (length, average, { b }) => 1 - b + (b * length) / average
const saturated: Variant['norm'] = (length, average, p) => p.k1 * plain(length, average, p)

const lucene: Variant = {
  defaults: {},
  idf: (df, N) => Math.log(1 + (N - df + 0.5) / (df + 0.5)),
  norm: saturated,
  credit: () => (idf, tf, norm) => idf * (tf / (norm + tf)),
}

const atire: Variant = {
  defaults: {},
  idf: (df, N) => Math.log(N / df),
  norm: saturated,
  credit:
    ({ k1 }) =>
    (idf, tf, norm) =>
      idf * ((tf * (k1 + 1)) / (tf + norm)),
}

const bm25l: Variant = {
  defaults: { delta: 0.5 },
  idf: (df, N) => Math.log((N + 1) / (df + 0.5)),
  norm: plain,
  credit:
    ({ k1, delta }) =>
    (idf, tf, norm) => {
      const shifted = tf / norm + delta
      return idf * (((k1 + 1) * shifted) / (k1 + shifted))
    },
  absent: ({ k1, delta }) => ((k1 + 1) * delta) / (k1 + delta),
}

/** Every variant by name. */
export const variants: Readonly<Record<Bm25Variant, Variant>> = {
  lucene,
  robertson: { ...lucene, idf: (df, N) => Math.log(Math.max(1, (N - df + 0.5) / (df + 0.5))) },
  atire,
  bm25l,
  'bm25+': {
    defaults: { delta: 1 },
    idf: (df, N) => Math.log((N + 1) / df),
    norm: saturated,
    credit:
      ({ k1, delta }) =>
      (idf, tf, norm) =>
        idf * (((k1 + 1) * tf) / (norm + tf) + delta),
    absent: ({ delta }) => delta,
  },
  okapi: { ...atire, idf: (df, N) => Math.log(N - df + 0.5) - Math.log(df + 0.5) },
  'rank-bm25l': {
    defaults: { delta: 0.5 },
    idf: (df, N) => Math.log(N + 1) - Math.log(df + 0.5),
    norm: plain,
    credit:
      ({ k1, delta }) =>
      (idf, tf, norm) => {
        const shifted = tf / norm + delta
        return (idf * tf * (k1 + 1) * shifted) / (k1 + shifted)
      },
  },
}

/**
 * Rarity of every term, from the number of documents that hold it. `okapi` raises negative ones (terms in more than half
 * of the documents) to `epsilon` times the mean.
 */
export function rarities(variant: Bm25Variant, frequencies: Uint32Array, N: number, epsilon: number): Float64Array {
  const idf = Float64Array.from(frequencies, (df) => variants[variant].idf(df, N))
  if (variant !== 'okapi') return idf
  const floor = (epsilon * idf.reduce((sum, one) => sum + one, 0)) / idf.length
  return idf.map((one) => (one < 0 ? floor : one))
}
