import type { Metadata } from '../documents/document'
import type { Hit, Retriever } from '../retriever'

/** A document as LangChain.js names its parts. */
export interface LangChainDocument {
  readonly pageContent: string
  readonly metadata: Metadata
  readonly id: string
}

/** The part of LangChain's call options that is passed on. */
export interface LangChainConfig {
  readonly signal?: AbortSignal | undefined
}

/** What LangChain.js calls a runnable, as far as a retriever needs it: it can stand in `RunnableSequence.from([...])` and `.pipe`. */
export interface LangChainRunnable<In, Out> {
  /** By this LangChain recognises runnables of other copies of itself. */
  readonly lc_runnable: true
  /** The class that LangChain would name in a trace. */
  readonly lc_namespace: readonly string[]
  invoke(input: In, config?: LangChainConfig): Promise<Out>
  batch(inputs: readonly In[], config?: LangChainConfig | readonly LangChainConfig[]): Promise<Out[]>
  stream(input: In, config?: LangChainConfig): Promise<AsyncIterableIterator<Out>>
  transform(inputs: AsyncIterable<In>, config?: LangChainConfig): AsyncGenerator<Out>
  pipe<Next>(next: LangChainStep<Out, Next>): LangChainRunnable<In, Next>
}

/** What can follow in a chain: a runnable or a function. */
export type LangChainStep<In, Out> =
  | { invoke(input: In, config?: LangChainConfig): Promise<Out> }
  | ((input: In, config?: LangChainConfig) => Out | Promise<Out>)

/** A retriever for LangChain.js. */
export type LangChainRetriever = LangChainRunnable<string, LangChainDocument[]>

/**
 * `retriever` with the methods of a LangChain.js retriever, without a dependency on LangChain. The score, the source and
 * the place in the document are in `metadata` as `score`, `source` and `part`.
 */
export const toLangChain = (retriever: Retriever, { k }: { readonly k?: number } = {}): LangChainRetriever =>
  runnable(async (query, config) => (await retriever.retrieve(query, { k, signal: config?.signal })).map(toDocument))

const toDocument = ({ id, text, source, score, metadata, part }: Hit): LangChainDocument => ({
  pageContent: text,
  metadata: { ...metadata, source, score, ...(part === undefined ? {} : { part }) },
  id,
})

function runnable<In, Out>(run: (input: In, config?: LangChainConfig) => Promise<Out>): LangChainRunnable<In, Out> {
  const configAt = (config: LangChainConfig | readonly LangChainConfig[] | undefined, i: number) =>
    Array.isArray(config) ? config[i] : (config as LangChainConfig | undefined)
  return {
    lc_runnable: true,
    lc_namespace: ['qilin-med', 'rag'],
    invoke: run,
    batch: (inputs, config) => Promise.all(inputs.map((input, i) => run(input, configAt(config, i)))),
    stream: async (input, config) => once(await run(input, config)),
    async *transform(inputs, config) {
      let whole: In | undefined
      for await (const input of inputs) whole = joined(whole, input)
      if (whole !== undefined) yield await run(whole, config)
    },
    pipe: (next) =>
      runnable(async (input, config) => {
        const between = await run(input, config)
        return typeof next === 'function' ? next(between, config) : next.invoke(between, config)
      }),
  }
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value
}

/** Streamed strings are pieces of one input; of anything else the last counts. */
const joined = <In>(whole: In | undefined, next: In): In =>
  typeof whole === 'string' && typeof next === 'string' ? ((whole + next) as In) : next
