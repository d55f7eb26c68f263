import type {
  CallOptions,
  ContinuationScore,
  EvaluatedModel,
  GenerateRequest,
  ModelFailure,
  Prompt,
  ScoreRequest,
} from '../model'

/** Options of a model behind an OpenAI-compatible server. */
export interface OpenAiOptions {
  /** Up to and including the version, such as `http://localhost:8000/v1`. */
  readonly baseUrl: string
  /** The server's name of the model. */
  readonly model: string
  readonly apiKey?: string
  /** `chat` uses `/chat/completions` (default), `text` `/completions`, as base models need. */
  readonly api?: 'chat' | 'text'
  /**
   * Score continuations by `/completions` with `echo` and `logprobs`, which vLLM and llama.cpp's server offer and hosted chat models
   * do not; off by default.
   */
  readonly echo?: boolean
  /** Requests in flight at once; 4 by default. */
  readonly concurrency?: number
  /** Longest wait for one answer; 120000 by default. */
  readonly timeoutMs?: number
  /** Requests go through it; the global one by default. */
  readonly fetch?: typeof globalThis.fetch
  /** Name in tables; the model's unless given. */
  readonly name?: string
}

/**
 * A model behind any OpenAI-compatible server: greedy answers, and likelihoods where the server echoes them. A request that fails alone
 * is reported as such; 408, 409, 425, 429, 5xx, timeouts and broken connections count as worth another attempt.
 */
export function openaiModel(options: OpenAiOptions): EvaluatedModel {
  const { model, api = 'chat', echo = false, concurrency = 4, name = model } = options
  const identity = `${options.baseUrl} ${model} ${api}`
  const each = <Request, Result>(
    requests: readonly Request[],
    run: (request: Request) => Promise<Result>,
  ): Promise<(Result | ModelFailure)[]> => inParallel(requests, concurrency, (request) => run(request).catch(failureOf))
  const generate = (requests: readonly GenerateRequest[], { signal }: CallOptions) =>
    each(requests, async (request) => textOf(await post(options, ...generateBody(model, api, request), signal)))
  const score = (requests: readonly ScoreRequest[], { signal }: CallOptions) =>
    each(requests, (request) =>
      Promise.all(
        request.continuations.map(async (continuation) => {
          const prompt = asText(request.prompt)
          const body = { model, prompt: prompt + continuation, max_tokens: 0, temperature: 0, echo: true, logprobs: 1 }
          return echoedScore(await post(options, '/completions', body, signal), prompt)
        }),
      ),
    )
  return { name, identity, batchSize: concurrency * 4, generate, ...(echo && { score }) }
}

function generateBody(
  model: string,
  api: 'chat' | 'text',
  { prompt, maxTokens, stop }: GenerateRequest,
): [string, object] {
  const shared = { model, max_tokens: maxTokens, temperature: 0, ...(stop && { stop }) }
  if (api === 'text') return ['/completions', { ...shared, prompt: asText(prompt) }]
  const messages = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt
  return ['/chat/completions', { ...shared, messages }]
}

/** Conversations as plain text, for models without a chat template: the contents one after the other. */
const asText = (prompt: Prompt): string =>
  typeof prompt === 'string' ? prompt : prompt.map(({ content }) => content).join('')

/** A failed request with what its retry needs to know. */
class RequestError extends Error {
  constructor(
    message: string,
    readonly retryable: boolean,
    readonly retryAfterMs: number | undefined,
  ) {
    super(message)
  }
}

async function post(
  options: OpenAiOptions,
  path: string,
  body: object,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const { baseUrl, apiKey, timeoutMs = 120_000, fetch = globalThis.fetch } = options
  const limit = AbortSignal.timeout(timeoutMs)
  const response = await fetch(`${baseUrl.replace(/\/$/, '')}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }) },
    body: JSON.stringify(body),
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  }).catch((cause: unknown) => {
    const why = limit.aborted ? `no answer within ${timeoutMs} ms` : String((cause as Error).cause ?? cause)
    throw new RequestError(`${baseUrl}: ${why}`, true, undefined)
  })
  const text = await response.text()
  if (!response.ok) throw statusError(response, text)
  try {
    return JSON.parse(text)
  } catch {
    throw new RequestError(`expected JSON, got ${text.slice(0, 80)}`, true, undefined)
  }
}

const worthAnother = new Set([408, 409, 425, 429])

function statusError(response: Response, text: string): RequestError {
  const seconds = Number(response.headers.get('retry-after'))
  const retryAfterMs = seconds > 0 ? seconds * 1000 : undefined
  const retryable = response.status >= 500 || worthAnother.has(response.status)
  return new RequestError(`status ${response.status}: ${text.slice(0, 200)}`, retryable, retryAfterMs)
}

const failureOf = (error: unknown): ModelFailure => {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof RequestError)) return { error: message }
  return {
    error: message,
    retryable: error.retryable,
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
  }
}

function textOf(reply: unknown): string {
  const choice = (reply as { choices?: { text?: string; message?: { content?: string } }[] }).choices?.[0]
  const text = choice?.message?.content ?? choice?.text
  if (typeof text !== 'string')
    throw new RequestError(`expected a text in choices, got ${JSON.stringify(reply)?.slice(0, 120)}`, true, undefined)
  return text
}

/** The continuation's part of an echoed text: its tokens begin where the prompt ends. */
function echoedScore(reply: unknown, prompt: string): ContinuationScore {
  const logprobs = (
    reply as { choices?: { logprobs?: { token_logprobs?: (number | null)[]; text_offset?: number[] } }[] }
  ).choices?.[0]?.logprobs
  const { token_logprobs: values, text_offset: offsets } = logprobs ?? {}
  if (!values || !offsets || values.length !== offsets.length)
    throw new RequestError(
      "expected echoed logprobs with text_offset, got none. The server does not support 'echo'.",
      false,
      undefined,
    )
  // Servers count offsets in code points.
  const start = [...prompt].length
  const own = values.filter((_, i) => offsets[i]! >= start).map((value) => value ?? 0)
  if (own.length === 0)
    throw new RequestError('the last token of the prompt swallows the continuation', false, undefined)
  return { logProb: own.reduce((sum, value) => sum + value, 0), tokens: own.length, firstLogProb: own[0]! }
}

/** Results in the order of `items`, at most `width` at work at once. */
async function inParallel<Item, Result>(
  items: readonly Item[],
  width: number,
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length)
  let next = 0
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await run(items[i]!)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  return results
}
