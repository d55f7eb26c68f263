import type { WasmThreads } from '../wasm-threads'
import { runInSlabs } from './slabs'

/** UTF-16 units of a job; a comparison takes several times as long as a signature of the same texts. */
const jobUnits = 1 << 13

/** Jaccard similarities of pairs of texts, given by index, two a pair. */
export function pairSimilarities(
  texts: (index: number) => string,
  pairs: ArrayLike<number>,
  { pool, n }: { readonly pool: WasmThreads; readonly n: number },
): Float64Array {
  const count = pairs.length >> 1
  const similarities = new Float64Array(new SharedArrayBuffer(count * 8))
  const shared = similarities.buffer as SharedArrayBuffer
  const items = { count, width: 2, text: (number: number) => texts(pairs[number]!), jobUnits }
  runInSlabs(
    items,
    ({ memory, from, to, endsAt, textAt, bytes, longest }) => {
      const ends = (to - from) * 8
      const text = ends * 2
      const work = text + Math.ceil(bytes / 4) * 4
      return {
        inputs: [
          { shared: memory, offset: endsAt, bytes: ends, address: ends },
          { shared: memory, offset: textAt, bytes, address: text },
        ],
        call: 'similarities',
        args: [text, ends, to - from, n, 0, work],
        outputs: [{ shared, offset: from * 8, bytes: ends, address: 0 }],
        // A word for each hash, and a table of fewer than four for each.
        memory: work + longest * 20,
      }
    },
    { pool },
  )
  return similarities
}
