import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ContinuationScore, EvaluatedModel, Prompt } from '../model'

/** The part of a `@qilin-med/models` model that is used: what `loadModel` gives. */
export interface LocalModel {
  generateAll(
    prompts: readonly (string | readonly number[])[],
    options: { readonly maxTokens: number; readonly stop: readonly string[]; readonly signal?: AbortSignal },
  ): Promise<string[]>
  scoreAll(
    requests: readonly { readonly prompt: string | readonly number[]; readonly continuations: readonly string[] }[],
    options: { readonly signal?: AbortSignal },
  ): Promise<readonly (readonly ContinuationScore[])[]>
}

/** The part of a `@qilin-med/models` tokenizer that is used. */
export interface LocalTokenizer {
  readonly maxLength: number | undefined
  encode(text: string): number[]
  chat(
    messages: readonly { readonly [key: string]: string; readonly role: string; readonly content: string }[],
  ): number[]
}

/** Options of a model that runs here. */
export interface LanguageModelOptions {
  readonly tokenizer: LocalTokenizer
  /** Name in tables. */
  readonly name: string
  /** Tells weights apart in the cache, such as a digest of the checkpoint; the name unless given. */
  readonly identity?: string
  /** Most tokens of prompt and answer together, such as `model.config.maxPositions`. */
  readonly context: number
  /** Requests of one call; 32 by default. */
  readonly batchSize?: number
}

/** A model that runs here. */
export interface LocalEvaluatedModel extends EvaluatedModel {
  /** Prompts so far whose beginning was cut off because they are longer than the context. */
  readonly cutPrompts: number
}

/**
 * A model of `@qilin-med/models` as a model under evaluation. Prompts, and beginnings that many prompts share, such as few-shot
 * examples, are computed once for all continuations. Prompts that do not fit the context lose their beginning, and are counted.
 */
export function languageModel(
  model: LocalModel,
  { tokenizer, name, identity = name, context, batchSize = 32 }: LanguageModelOptions,
): LocalEvaluatedModel {
  const most = Math.min(context, tokenizer.maxLength ?? Number.POSITIVE_INFINITY)
  let cutPrompts = 0

  /** The prompt; as token ids without its beginning where it leaves less than `room` tokens of the context. */
  const fitted = (prompt: Prompt, room: number): string | number[] => {
    const ids =
      typeof prompt === 'string' ? tokenizer.encode(prompt) : tokenizer.chat(prompt.map((message) => ({ ...message })))
    if (ids.length <= most - room) return typeof prompt === 'string' ? prompt : ids
    cutPrompts++
    return ids.slice(ids.length - (most - room))
  }

  return {
    name,
    identity,
    batchSize,
    get cutPrompts() {
      return cutPrompts
    },
    async generate(requests, { signal }) {
      const { maxTokens, stop = [] } = requests[0]! // the requests of a batch have the same limits
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

/**
 * A digest of a checkpoint's weights and tokenizer, for `identity`: answers of other weights under the same name are then never taken
 * from a cache.
 */
export async function weightsDigest(folder: string): Promise<string> {
  const hash = createHash('sha256')
  const files = (await readdir(folder)).filter((name) =>
    /\.safetensors$|^(tokenizer|config)\.json$|\.model$/.test(name),
  )
  for (const name of files.sort()) await pipeline(createReadStream(join(folder, name)), hash, { end: false })
  return hash.digest('hex')
}
