import { RagError, shown } from '../errors'
import { defaultHits, type Retriever } from '../retriever'
import { researchNotice } from './notice'
import { type GroundedPrompt, numberedPrompt, type PromptBuilder, type Source } from './prompt'

/** Options handed to a model with every prompt: those given as `generation`, and the signal. */
export type GenerationOptions = Readonly<Record<string, unknown>> & { readonly signal?: AbortSignal | undefined }

/** Text as models hand it out: a string, or an object that holds one (`text`, or `content` of a LangChain message). */
export type ModelText = string | { readonly text: string } | { readonly content: string }

type Streamed = AsyncIterable<ModelText> | Promise<AsyncIterable<ModelText>>

/**
 * Anything that continues a prompt: a function, or an object with `stream` (preferred) or `generate`. LangChain's chat
 * models fit; a generator of token ids needs a function around it that encodes and decodes.
 *
 * @typeParam P what the model takes as a prompt; a string unless `format` makes something else of it
 */
export type AnswerModel<P = string> =
  | ((
      prompt: P,
      options: GenerationOptions,
    ) => AsyncIterable<ModelText> | Promise<ModelText | AsyncIterable<ModelText>>)
  | { stream(prompt: P, options: GenerationOptions): Streamed }
  | { generate(prompt: P, options: GenerationOptions): Promise<ModelText> }

/** Options of `answer`. */
export interface AnswerOptions<P = string> {
  readonly model: AnswerModel<P>
  readonly retriever: Retriever
  readonly question: string
  /** Hits to retrieve. */
  readonly k?: number
  readonly prompt?: PromptBuilder
  /** Makes the model's input of the prompt: its chat template, its tokens. */
  readonly format?: (prompt: string) => P
  /** Passed on to the model (`maxTokens`, `seed`, ...). */
  readonly generation?: Readonly<Record<string, unknown>> | undefined
  /** Follows the answer; may be worded otherwise, not left out. */
  readonly notice?: string
  /** Said instead of asking the model when nothing was found. */
  readonly nothingFound?: string
  readonly signal?: AbortSignal | undefined
}

/** What `answer` gives, in this order: `sources` once, `text` as it comes, `notice` once, `end` once. `text` is '' where there is none. */
export type AnswerPart =
  | ({ readonly type: 'sources'; readonly text: '' } & GroundedPrompt)
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'end'; readonly text: ''; readonly answer: GroundedAnswer }

/** A finished answer. */
export interface GroundedAnswer {
  /** What the model wrote, without the notice. */
  readonly text: string
  readonly notice: string
  readonly sources: readonly Source[]
  /** Sources that the text names as `[n]`, in order of first mention. */
  readonly cited: readonly Source[]
}

/**
 * Retrieves, builds a prompt, and streams the model's answer: the texts of all parts joined are the answer and, after a
 * blank line, the research notice. When nothing is found the model is not asked.
 *
 * @throws RagError (`option`) for an empty question or notice, (`model`) when the model returns no text; whatever retriever
 *   and model throw; the signal's reason once aborted
 */
export async function* answer<P = string>({
  model,
  retriever,
  question,
  k = defaultHits,
  prompt = numberedPrompt(),
  format = (text) => text as P,
  generation = {},
  notice = researchNotice.zh,
  nothingFound = '没有检索到相关资料，无法依据资料回答该问题。',
  signal,
}: AnswerOptions<P>): AsyncGenerator<AnswerPart, void, undefined> {
  required('question', question)
  required('notice', notice)
  const hits = await retriever.retrieve(question, { k, signal })
  const grounded = prompt({ question, hits })
  yield { type: 'sources', text: '', ...grounded }
  let text = ''
  const pieces =
    grounded.sources.length === 0
      ? [nothingFound]
      : continued(model, format(grounded.prompt), { ...generation, signal })
  for await (const piece of pieces) {
    signal?.throwIfAborted()
    const added = textOf(piece)
    text += added
    if (added !== '') yield { type: 'text', text: added }
  }
  yield { type: 'notice', text: `\n\n${notice}` }
  yield {
    type: 'end',
    text: '',
    answer: { text, notice, sources: grounded.sources, cited: cited(text, grounded.sources) },
  }
}

/** The finished answer of a stream from `answer`. */
export async function collected(parts: AsyncIterable<AnswerPart>): Promise<GroundedAnswer> {
  for await (const part of parts) if (part.type === 'end') return part.answer
  throw new RagError(
    'model',
    `collected: expected a stream that ends with an 'end' part, got one that does not. Pass answer(...).`,
    {
      operation: 'collected',
    },
  )
}

async function* continued<P>(
  model: AnswerModel<P>,
  prompt: P,
  options: GenerationOptions,
): AsyncGenerator<ModelText, void, undefined> {
  const result =
    typeof model === 'function'
      ? await model(prompt, options)
      : 'stream' in model
        ? await model.stream(prompt, options)
        : await model.generate(prompt, options)
  if (typeof result === 'object' && result !== null && Symbol.asyncIterator in result) yield* result
  else yield result
}

function textOf(piece: ModelText): string {
  if (typeof piece === 'string') return piece
  const { text, content }: { text?: unknown; content?: unknown } = Object(piece)
  if (typeof (text ?? content) === 'string') return (text ?? content) as string
  throw new RagError(
    'model',
    `answer: expected text from the model, got ${shown(text ?? content ?? piece)}. Return strings, or objects with 'text'.`,
    { operation: 'answer' },
  )
}

function cited(text: string, sources: readonly Source[]): Source[] {
  const numbers = new Set(Array.from(text.matchAll(/[[【](\d+)[\]】]/g), ([, digits]) => Number(digits)))
  return [...numbers].flatMap((number) => sources.filter((source) => source.number === number))
}

function required(name: string, value: string): void {
  if (typeof value === 'string' && /\S/.test(value)) return
  throw new RagError('option', `answer: expected a ${name}, got ${shown(value)}. Pass a text that is not blank.`, {
    operation: 'answer',
  })
}
