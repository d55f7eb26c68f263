import { RagError } from '../errors'
import type { Hit } from '../retriever'
import { type Budget, budgetOf, longestFitting } from './fit'

/** A hit as it stands in a prompt. */
export interface Source {
  /** The number by which the prompt names it, from 1. */
  readonly number: number
  readonly hit: Hit
  /** What of its text is in the prompt: all of it, or its beginning. */
  readonly text: string
}

/** A prompt and what went into it. */
export interface GroundedPrompt {
  readonly prompt: string
  readonly sources: readonly Source[]
  /** Hits for which there was no room, in order. */
  readonly omitted: readonly Hit[]
}

/** Makes a prompt from a question and the hits for it, best first. */
export type PromptBuilder = (input: { readonly question: string; readonly hits: readonly Hit[] }) => GroundedPrompt

/** Options of `numberedPrompt`. */
export interface NumberedPromptOptions extends Budget {
  /** The whole prompt around the sources. */
  readonly template?: (parts: { readonly context: string; readonly question: string }) => string
  /** One source. */
  readonly entry?: (source: Source) => string
  readonly separator?: string
}

/**
 * A builder that numbers the sources and never exceeds its budget: hits are taken in order while they fit whole; the
 * first that does not is cut after the last sentence that does; the rest is omitted. Question and template count.
 *
 * @throws RagError (`budget`) while building, when template and question alone exceed the budget
 */
export function numberedPrompt({
  template = ({ context, question }) => `${instruction}\n\n【资料】\n${context}\n\n【问题】\n${question}\n\n【回答】\n`,
  entry = ({ number, text, hit }) => `[${number}] ${text}${hit.source === '' ? '' : `（来源：${hit.source}）`}`,
  separator = '\n',
  ...budget
}: NumberedPromptOptions = {}): PromptBuilder {
  const { limit, measure } = budgetOf('numberedPrompt', budget)
  return ({ question, hits }) => {
    const render = (sources: readonly Source[]): string =>
      template({ context: sources.map(entry).join(separator), question })
    const fits = (sources: readonly Source[]): boolean => measure(render(sources)) <= limit
    if (!fits([])) throw overBudget(measure(render([])), limit)
    const sources: Source[] = []
    for (const hit of hits) {
      const number = sources.length + 1
      const text = longestFitting(hit.text, (beginning) => fits([...sources, { number, hit, text: beginning }]))
      if (text !== '') sources.push({ number, hit, text })
      if (text !== hit.text.trimEnd()) break
    }
    return { prompt: render(sources), sources, omitted: hits.slice(sources.length) }
  }
}

const instruction =
  '请只依据下面编号的资料回答问题，并在相应的句子后用方括号注明所依据资料的编号，例如[1]。资料中没有答案时，请直接说明资料不足，不要猜测。'

const overBudget = (length: number, limit: number): RagError =>
  new RagError(
    'budget',
    `numberedPrompt: expected room for at least the question, got a budget of ${limit} for ${length}. Raise the budget or shorten the question.`,
    { operation: 'numberedPrompt' },
  )
