import { type Vocabulary, vocabulary } from './vocabulary'

/** An inverted index. The postings of term t are the entries `offsets[t]` to `offsets[t + 1]`, in order of document. */
export interface Postings {
  readonly vocabulary: Vocabulary
  /** [terms + 1] */
  readonly offsets: Uint32Array
  /** [postings] document numbers */
  readonly documents: Uint32Array
  /** [postings] times the term occurs in that document, at least 1 */
  readonly frequencies: Uint32Array
  /** [documents] length in terms */
  readonly lengths: Uint32Array
}

/** Collects documents one after the other into postings. */
export interface PostingsBuilder {
  add(terms: readonly string[]): void
  finish(): Postings
}

/** A builder that keeps (term, document, frequency) triples in typed arrays and sorts them by term, by counting, at the end. */
export function postingsBuilder(): PostingsBuilder {
  const words = vocabulary()
  const lengths: number[] = []
  /** Per term: entry of the document being added, when not below `start`. */
  let latest = new Int32Array(1024).fill(-1)
  let term = new Uint32Array(4096)
  let document = new Uint32Array(4096)
  let frequency = new Uint32Array(4096)
  let size = 0

  const add = (terms: readonly string[]): void => {
    const start = size
    if (size + terms.length > term.length) {
      term = grown(term, size + terms.length)
      document = grown(document, term.length)
      frequency = grown(frequency, term.length)
    }
    for (let i = 0; i < terms.length; i++) {
      const number = words.add(terms[i]!)
      if (number >= latest.length) latest = grownSigned(latest)
      const entry = latest[number]!
      if (entry >= start) frequency[entry]!++
      else {
        term[size] = number
        document[size] = lengths.length
        frequency[size] = 1
        latest[number] = size++
      }
    }
    lengths.push(terms.length)
  }

  const finish = (): Postings => {
    const offsets = new Uint32Array(words.terms.length + 1)
    for (let i = 0; i < size; i++) offsets[term[i]! + 1]!++
    for (let t = 0; t < words.terms.length; t++) offsets[t + 1]! += offsets[t]!
    const next = offsets.slice()
    const documents = new Uint32Array(size)
    const frequencies = new Uint32Array(size)
    for (let i = 0; i < size; i++) {
      const place = next[term[i]!]!++
      documents[place] = document[i]!
      frequencies[place] = frequency[i]!
    }
    return { vocabulary: words, offsets, documents, frequencies, lengths: Uint32Array.from(lengths) }
  }

  return { add, finish }
}

function grown(array: Uint32Array, least: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(least, 2 * array.length))
  larger.set(array)
  return larger
}

function grownSigned(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * array.length).fill(-1)
  larger.set(array)
  return larger
}
