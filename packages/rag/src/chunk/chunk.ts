import { contentHash } from '../documents/content-hash'
import { type Document, type DocumentInput, type Documents, type Part, toDocument } from '../documents/document'
import { type ChunkOptions, type Splitter, sentenceSplitter } from './splitter'

/** A document cut from a longer one. Its id is that of the document, `#` and its number from 0. */
export interface Chunk extends Document {
  readonly part: Part
}

/** Options of `chunk` beside the lengths. */
export interface ChunkingOptions extends ChunkOptions {
  /** Hash of a document, kept with its chunks for the split guard; default `contentHash`. */
  readonly hash?: ((text: string) => string) | undefined
}

/**
 * The chunks of all `documents`, in order, as they are read. The result can be read again whenever `documents` can, so
 * that two indexes can be built from it.
 *
 * @param how  lengths (see `ChunkOptions`), or a splitter
 * @throws RagError (`option`) for impossible lengths, (`document`) while reading, for a document without text
 */
export function chunk(documents: Documents, how: ChunkingOptions | Splitter = {}): AsyncIterable<Chunk> {
  const cut = chunker(how)
  return {
    async *[Symbol.asyncIterator]() {
      let position = 0
      for await (const input of documents) yield* cut(input, position++)
    },
  }
}

/** The chunks of one document; see `chunk`. */
export const chunkDocument = (document: DocumentInput | string, how: ChunkingOptions | Splitter = {}): Chunk[] =>
  chunker(how)(document, 0)

function chunker(how: ChunkingOptions | Splitter): (input: DocumentInput | string, position: number) => Chunk[] {
  const split = typeof how === 'function' ? how : sentenceSplitter(how)
  const hash = (typeof how === 'function' ? undefined : how.hash) ?? contentHash
  return (input, position) => {
    const document = toDocument(input, position)
    const documentHash = document.contentHash ?? hash(document.text)
    return split(document.text).map(({ text, start, end }, index) => ({
      ...document,
      id: `${document.id}#${index}`,
      text,
      part: { document: document.id, index, start, end, documentHash },
    }))
  }
}
