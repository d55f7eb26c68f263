import { RagError, shown } from '../errors'

/** Facts kept beside a text; must survive JSON when an index is saved. */
export type Metadata = Readonly<Record<string, unknown>>

/** Where a chunk was cut from: `documentText.slice(start, end)` is its text (UTF-16 units, as `slice` counts). */
export interface Part {
  /** Id of the document. */
  readonly document: string
  /** Position among the document's chunks, from 0. */
  readonly index: number
  readonly start: number
  readonly end: number
  /** `contentHash` of the whole document, so that a guard recognises a test row also by its chunks. */
  readonly documentHash: string
}

/** One text of a knowledge base. */
export interface Document {
  readonly id: string
  readonly text: string
  /** Where it comes from, as a reader should see it (`CMExam`, `books/cardiology.txt`); empty when unknown. */
  readonly source: string
  readonly metadata: Metadata
  /** Part of a data set it belongs to; `test` and `validation` documents are refused by every index. */
  readonly split?: string | undefined
  /** Hash of the row it was made from, when whoever built the data knows it. */
  readonly contentHash?: string | undefined
  /** Present when it was cut from a longer document. */
  readonly part?: Part | undefined
}

/** A document as callers write it: a text is enough. Rows of `@qilin-med/chimed` (`text` and `origin`) fit as they are. */
export interface DocumentInput {
  readonly text: string
  /** Default: file and line of `origin`, else the position in the input. */
  readonly id?: string | undefined
  readonly source?: string | undefined
  readonly metadata?: Metadata | undefined
  readonly split?: string | undefined
  readonly contentHash?: string | undefined
  readonly part?: Part | undefined
  readonly origin?:
    | {
        readonly source?: string | undefined
        readonly file?: string | undefined
        readonly line?: number | undefined
        readonly split?: string | undefined
        readonly meta?: Metadata | undefined
      }
    | undefined
}

/** Documents in memory or as they arrive: texts or objects with a text. */
export type Documents = Iterable<DocumentInput | string> | AsyncIterable<DocumentInput | string>

/**
 * The document that `input` stands for.
 *
 * @param position  its place in the input, from 0; the id when nothing better is known
 * @throws RagError (`document`) when the text is missing or no string
 */
export function toDocument(input: DocumentInput | string, position: number): Document {
  if (typeof input === 'string') return { id: String(position), text: input, source: '', metadata: {} }
  const text: unknown = input?.text
  if (typeof text !== 'string')
    throw new RagError(
      'document',
      `document ${position}: expected an object with a string 'text', got ${shown(text ?? input)}. Give every document its text.`,
      { operation: 'document', id: typeof input?.id === 'string' ? input.id : undefined },
    )
  const { origin, contentHash, part } = input
  const metadata = input.metadata ?? origin?.meta ?? {}
  const split = input.split ?? origin?.split ?? splitOf(metadata)
  return {
    id: input.id ?? idFrom(origin) ?? String(position),
    text,
    source: input.source ?? origin?.source ?? origin?.file ?? '',
    metadata,
    ...(split === undefined ? {} : { split }),
    ...(contentHash === undefined ? {} : { contentHash }),
    ...(part === undefined ? {} : { part }),
  }
}

const idFrom = (origin: DocumentInput['origin']): string | undefined =>
  origin?.file === undefined || origin.line === undefined ? undefined : `${origin.file}:${origin.line}`

const splitOf = ({ split }: Metadata): string | undefined => (typeof split === 'string' ? split : undefined)
