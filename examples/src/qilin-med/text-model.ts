import {
  createGenerator,
  createScorer,
  type GenerateOptions,
  type LanguageModel,
  type NetworkAdapter,
  type Score,
  type Tokenizer,
} from '@qilin-med/models'

/** A prompt and what may follow it, as texts. */
export interface TextRequest {
  readonly prompt: string
  readonly continuations: readonly string[]
}

/** Most prompts of a batch, and most tokens of them, padding included; a longer one is a batch of its own. */
export interface BatchLimits {
  readonly rows?: number
  readonly promptTokens?: number | undefined
}

/** A model that is spoken to in text. */
export interface TextModel {
  /** Log-likelihood of every continuation of every prompt; a prompt is computed once for all of its continuations. */
  score(requests: readonly TextRequest[]): Promise<Score[][]>
  /** Greedy answers, in batches. */
  generate(prompts: readonly string[], options?: GenerateOptions & BatchLimits): Promise<string[]>
  dispose(): Promise<void>
}

/** `model` with `adapter`, as texts. Prompts begin with whatever the tokenizer adds by itself, such as a BOS token. */
export const textModel = (
  model: LanguageModel,
  tokenizer: Tokenizer,
  adapter?: NetworkAdapter,
  { signal, batchTokens = 4096 }: { readonly signal?: AbortSignal; readonly batchTokens?: number } = {},
): TextModel => {
  const scorer = createScorer(model, adapter)
  const generator = createGenerator(model, adapter)
  const plain = (text: string) => tokenizer.encode(text, { addSpecialTokens: false })
  const stop = signal ? { signal } : {}
  return {
    score: (requests) =>
      scorer.score(
        requests.map(({ prompt, continuations }) => ({
          prompt: tokenizer.encode(prompt),
          continuations: continuations.map(plain),
        })),
        { ...stop, batchTokens },
      ),
    generate: async (prompts, { rows = 64, promptTokens = Number.POSITIVE_INFINITY, ...options } = {}) => {
      const texts: string[] = []
      const encoded = prompts.map((prompt) => tokenizer.encode(prompt))
      // Prompts of like lengths waste the least on padding.
      const order = [...encoded.keys()].sort((a, b) => encoded[b]!.length - encoded[a]!.length || a - b)
      for (let begin = 0; begin < order.length; ) {
        const longest = Math.max(1, encoded[order[begin]!]!.length)
        const batch = order.slice(begin, begin + Math.max(1, Math.min(rows, Math.floor(promptTokens / longest))))
        begin += batch.length
        const ids = await generator.generate(
          batch.map((index) => encoded[index]!),
          { ...stop, ...options },
        )
        for (const [i, index] of batch.entries()) texts[index] = tokenizer.decode(ids[i]!, { skipSpecialTokens: true })
      }
      return texts
    },
    dispose: async () => {
      await scorer.dispose()
      await generator.dispose()
    },
  }
}
