import type { EvaluatedModel, Prompt } from '@qilin-med/metrics/benchmarks'
import type { TextModel, TextWork, Tokenizer } from '@qilin-med/models'

/** One of our models for `evaluate`, with a count of its work. */
export interface CountedModel extends EvaluatedModel {
  readonly work: Readonly<TextWork>
  /** Prompts so far whose beginning was cut off because they are longer than the model's context. */
  readonly cut: () => number
}

/**
 * A model of `@qilin-med/models` for `evaluate`. Prompts, and beginnings that many prompts share, are computed once for all
 * continuations. Prompts that do not fit the context lose their beginning.
 */
export function evaluatedModel(
  model: TextModel,
  tokenizer: Tokenizer,
  { name, identity = name, context }: { name: string; identity?: string; context: number },
): CountedModel {
  const most = Math.min(context, tokenizer.maxLength ?? Number.POSITIVE_INFINITY)
  let cut = 0

  /** The prompt, as token ids without its beginning where it leaves less than `room` tokens of the context. */
  const fitted = (prompt: Prompt, room: number): string | number[] => {
    const ids =
      typeof prompt === 'string'
        ? tokenizer.encode(prompt)
        : tokenizer.chat(prompt.map(({ role, content }) => ({ role, content })))
    if (ids.length <= most - room) return typeof prompt === 'string' ? prompt : ids
    cut++
    return ids.slice(ids.length - (most - room))
  }

  return {
    name,
    identity,
    work: model.work,
    cut: () => cut,
    batchSize: 32,
    async generate(requests, { signal }) {
      const maxTokens = Math.max(...requests.map((request) => request.maxTokens))
      const stop = [...new Set(requests.flatMap((request) => request.stop ?? []))]
      const prompts = requests.map(({ prompt }) => fitted(prompt, maxTokens))
      return model.generateAll(prompts, { maxTokens, stop, ...(signal && { signal }) })
    },
    async score(requests, { signal }) {
      const fitting = requests.map(({ prompt, continuations }) => {
        const longest = Math.max(...continuations.map((text) => tokenizer.encode(text).length))
        return { prompt: fitted(prompt, longest), continuations }
      })
      return model.scoreAll(fitting, signal ? { signal } : {})
    },
  }
}
