import type { ContinuationScore, EvaluatedModel, Prompt } from '@qilin-med/metrics/benchmarks'
import { createGenerator, createScorer, type LanguageModel, type Tokenizer } from '@qilin-med/models'

/** What a model computed so far. */
export interface Work {
  /** Tokens that went through the model to score. */
  scored: number
  /** Tokens that scoring each continuation alone, its prompt included, would have taken. */
  scoredAlone: number
  /** Tokens written. */
  generated: number
  /** Prompts whose beginning was cut off because they are longer than the model's context. */
  cut: number
}

/** One of our models for `evaluate`, with a count of its work. */
export interface CountedModel extends EvaluatedModel, AsyncDisposable {
  readonly work: Work
}

/**
 * A model of `@qilin-med/models` for `evaluate`: a prompt is computed once for all its continuations. Prompt and continuation are
 * tokenised together, as the text they are, and parted where the prompt's own tokens end, as lm-evaluation-harness does. Prompts that
 * are too long lose their beginning.
 */
export function evaluatedModel(
  model: LanguageModel,
  tokenizer: Tokenizer,
  { name, identity = name, batchTokens = 4096 }: { name: string; identity?: string; batchTokens?: number },
): CountedModel {
  const scorer = createScorer(model)
  const generator = createGenerator(model)
  const work: Work = { scored: 0, scoredAlone: 0, generated: 0, cut: 0 }
  const context = Math.min(model.config.maxPositions, tokenizer.maxLength ?? Number.POSITIVE_INFINITY)

  const fit = (ids: number[], room: number): number[] => {
    if (ids.length <= context - room) return ids
    work.cut++
    return ids.slice(ids.length - (context - room))
  }

  return {
    name,
    identity,
    work,
    batchSize: 16,
    async generate(requests, { signal }) {
      const maxTokens = Math.max(...requests.map((request) => request.maxTokens))
      const prompts = requests.map(({ prompt }) => fit(idsOf(prompt, tokenizer), maxTokens))
      const answers = await generator.generate(prompts, { maxTokens, ...(signal && { signal }) })
      return answers.map((ids, i) => {
        const kept = ids.slice(0, requests[i]!.maxTokens)
        work.generated += kept.length
        return cutAt(tokenizer.decode(kept, { skipSpecialTokens: true }), requests[i]!.stop ?? [])
      })
    },
    async score(requests, { signal }) {
      const parted = requests.map(({ prompt, continuations }) => part(prompt, continuations, tokenizer))
      const longest = parted.map((parts) => Math.max(...parts.map(({ continuation }) => continuation.length)))
      const rows = parted.flatMap((parts, i) =>
        group(parts).map((row) => ({ ...row, request: i, prompt: fit(row.prompt, longest[i]!) })),
      )
      for (const { prompt, continuations } of rows) {
        const total = continuations.reduce((sum, ids) => sum + ids.length, 0)
        work.scored += prompt.length + total
        work.scoredAlone += prompt.length * continuations.length + total
      }
      const scores = await scorer.score(rows, { batchTokens, ...(signal && { signal }) })
      const results: ContinuationScore[][] = requests.map(() => [])
      rows.forEach(({ request, places }, row) => {
        places.forEach((place, k) => {
          results[request]![place] = scores[row]![k]!
        })
      })
      return results
    },
    async [Symbol.asyncDispose]() {
      await scorer.dispose()
      await generator.dispose()
    },
  }
}

interface Parted {
  readonly prompt: number[]
  readonly continuation: number[]
}

/** Prompt and continuation of each text; where the tokenizer joins them in one token, that token belongs to the continuation. */
function part(prompt: Prompt, continuations: readonly string[], tokenizer: Tokenizer): Parted[] {
  const length = idsOf(prompt, tokenizer).length
  return continuations.map((text) => {
    if (typeof prompt !== 'string')
      return { prompt: idsOf(prompt, tokenizer), continuation: tokenizer.encode(text, { addSpecialTokens: false }) }
    const ids = tokenizer.encode(prompt + text)
    const at = Math.min(length, ids.length - 1) // at least one token is scored
    return { prompt: ids.slice(0, at), continuation: ids.slice(at) }
  })
}

/** Continuations with the same prompt in one row. */
function group(parts: readonly Parted[]): { prompt: number[]; continuations: number[][]; places: number[] }[] {
  const rows = new Map<string, { prompt: number[]; continuations: number[][]; places: number[] }>()
  parts.forEach(({ prompt, continuation }, place) => {
    const key = prompt.join(' ')
    const row = rows.get(key) ?? { prompt, continuations: [], places: [] }
    row.continuations.push(continuation)
    row.places.push(place)
    rows.set(key, row)
  })
  return [...rows.values()]
}

const idsOf = (prompt: Prompt, tokenizer: Tokenizer): number[] =>
  typeof prompt === 'string'
    ? tokenizer.encode(prompt)
    : tokenizer.chat(prompt.map(({ role, content }) => ({ role, content })))

function cutAt(text: string, stops: readonly string[]): string {
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  return ends.length > 0 ? text.slice(0, Math.min(...ends)) : text
}
