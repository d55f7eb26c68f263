import type { Metadata } from '../documents/document'
import type { Hit, Retriever } from '../retriever'

/** A text node of LlamaIndex.TS, as far as query engines and synthesizers read it. */
export interface LlamaIndexNode {
  readonly id_: string
  readonly type: 'TEXT'
  readonly text: string
  readonly metadata: Metadata
  readonly hash: string
  getContent(mode?: string): string
  getText(): string
  getMetadataStr(mode?: string): string
}

/** A node and how well it fits the query. */
export interface LlamaIndexHit {
  readonly node: LlamaIndexNode
  readonly score: number
}

/** A query as LlamaIndex.TS passes it. */
export type LlamaIndexQuery = string | { readonly query: string | readonly object[] }

/** A retriever for LlamaIndex.TS. */
export interface LlamaIndexRetriever {
  retrieve(query: LlamaIndexQuery): Promise<LlamaIndexHit[]>
}

/**
 * `retriever` with the method of a LlamaIndex.TS retriever, without a dependency on LlamaIndex. The source and the place
 * in the document are in `metadata` as `source` and `part`.
 */
export const toLlamaIndex = (retriever: Retriever, { k }: { readonly k?: number } = {}): LlamaIndexRetriever => ({
  retrieve: async (query) =>
    (await retriever.retrieve(textOf(query), { k })).map((hit) => ({ node: toNode(hit), score: hit.score })),
})

/** The text of a query; messages of several parts give their text parts. */
function textOf(query: LlamaIndexQuery): string {
  const inner: unknown = typeof query === 'string' ? query : query.query
  if (typeof inner === 'string') return inner
  return (inner as readonly { readonly text?: string }[]).map(({ text }) => text ?? '').join('')
}

function toNode({ id, text, source, metadata, part }: Hit): LlamaIndexNode {
  const facts: Metadata = { ...metadata, source, ...(part === undefined ? {} : { part }) }
  const named = (mode?: string): string =>
    mode === undefined || mode === 'NONE'
      ? ''
      : Object.entries(facts)
          .map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`)
          .join('\n')
  return {
    id_: id,
    type: 'TEXT',
    text,
    metadata: facts,
    hash: id,
    getContent: (mode) => [named(mode), text].filter((line) => line !== '').join('\n\n'),
    getText: () => text,
    getMetadataStr: named,
  }
}
