import { MetricsError } from '../errors'
import type { AnswerCache } from './cache'
import { contentKey } from './cache'
import type { CallOptions, ContinuationScore, EvaluatedModel, ModelFailure, ModelRequest } from './model'

/** A model's answer to one request, or why there is none. */
export type Answer =
  | { readonly text: string }
  | { readonly scores: readonly ContinuationScore[] }
  | { readonly error: string }

/** How often and after which pauses failed requests are asked again. */
export interface RetryOptions {
  /** Most times a request is asked, the first included; 4 by default. */
  readonly attempts?: number
  /** Pause before the second attempt, doubled before each further one; 500 by default. */
  readonly delayMs?: number
  /** Longest pause; 30000 by default. */
  readonly maxDelayMs?: number
  /** Waits; a timer unless given (tests pass their own). */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>
}

/** How requests are put to a model. */
export interface AnswerOptions {
  readonly cache?: AnswerCache
  readonly retries?: RetryOptions
  readonly signal?: AbortSignal
  /** Called after each batch with the numbers of requests answered so far, of all, and of those from the cache. */
  readonly onProgress?: (done: number, total: number, cached: number) => void
}

/**
 * A model's answers to `requests`, in their order. Equal requests are asked once; answers in the cache are not asked again; answers
 * are written to the cache batch by batch, so that a run that was killed goes on where it stopped. What fails for good is an
 * answer with `error`, never an empty text.
 *
 * @throws MetricsError `model` when the model lacks `generate` or `score`, `cancelled` when the signal aborts
 */
export async function answerRequests(
  model: EvaluatedModel,
  requests: readonly ModelRequest[],
  options: AnswerOptions = {},
): Promise<Answer[]> {
  const { cache, signal, onProgress } = options
  const identity = model.identity ?? model.name
  const keys = requests.map((request) =>
    contentKey(model.answersById ? `${identity} ${request.id}` : identity, request),
  )
  const answers = new Map<string, Answer>()
  for (const key of new Set(keys)) {
    const known = await cache?.get(key)
    if (known !== undefined) answers.set(key, known)
  }
  const cached = keys.filter((key) => answers.has(key)).length
  const open = new Map<string, ModelRequest>()
  keys.forEach((key, i) => {
    if (!answers.has(key) && !open.has(key)) open.set(key, requests[i]!)
  })
  const waiting = (): number => keys.filter((key) => !answers.has(key)).length
  onProgress?.(requests.length - waiting(), requests.length, cached)
  for (const batch of batches([...open], model.batchSize ?? 16)) {
    stopIfCancelled(signal)
    const results = await answerBatch(
      model,
      batch.map(([, request]) => request),
      options,
    )
    for (const [i, [key]] of batch.entries()) {
      const answer = results[i]!
      answers.set(key, answer)
      if (!('error' in answer)) await cache?.set(key, answer)
    }
    onProgress?.(requests.length - waiting(), requests.length, cached)
  }
  return keys.map((key) => answers.get(key)!)
}

/**
 * Batches of one kind of request each: texts to generate with the same limits, longest prompt first, so that a batch's prompts are of
 * like lengths; score requests sorted by prompt, so that shared beginnings come together.
 */
function batches(entries: [string, ModelRequest][], size: number): [string, ModelRequest][][] {
  const limits = new Map<string, { entry: [string, ModelRequest]; length: number }[]>()
  const score: { entry: [string, ModelRequest]; text: string }[] = []
  for (const entry of entries) {
    const [, request] = entry
    const text = typeof request.prompt === 'string' ? request.prompt : JSON.stringify(request.prompt)
    if (request.kind === 'score') score.push({ entry, text })
    else {
      const limit = JSON.stringify([request.maxTokens, request.stop ?? []])
      const group = limits.get(limit) ?? []
      limits.set(limit, group)
      group.push({ entry, length: text.length })
    }
  }
  const generate = [...limits.values()].map((group) => group.sort((a, b) => b.length - a.length))
  score.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
  return [...generate, score].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / size) }, (_, k) =>
      group.slice(k * size, (k + 1) * size).map(({ entry }) => entry),
    ),
  )
}

/** Asks until everything is answered or the attempts are used up; only what failed is asked again. */
async function answerBatch(
  model: EvaluatedModel,
  batch: readonly ModelRequest[],
  options: AnswerOptions,
): Promise<Answer[]> {
  const { attempts = 4, delayMs = 500, maxDelayMs = 30_000, wait = pause } = options.retries ?? {}
  const answers: Answer[] = batch.map(() => ({ error: 'not asked' }))
  let open = batch.map((_, i) => i)
  for (let attempt = 1; open.length > 0; attempt++) {
    const results = await ask(
      model,
      open.map((i) => batch[i]!),
      options.signal,
    )
    open.forEach((i, k) => {
      answers[i] = toAnswer(results[k]!)
    })
    const failed = open.map((i, k) => ({ i, failure: results[k]! })).filter(({ failure }) => isFailure(failure))
    const again = failed.filter(({ failure }) => (failure as ModelFailure).retryable !== false)
    if (attempt >= attempts) break
    open = again.map(({ i }) => i)
    if (open.length === 0) break
    const asked = Math.max(0, ...again.map(({ failure }) => (failure as ModelFailure).retryAfterMs ?? 0))
    await wait(Math.min(maxDelayMs, Math.max(asked, delayMs * 2 ** (attempt - 1))), options.signal)
    stopIfCancelled(options.signal)
  }
  return answers
}

type Result = string | readonly ContinuationScore[] | ModelFailure

const isFailure = (result: Result): result is ModelFailure => typeof result === 'object' && 'error' in result

function toAnswer(result: Result): Answer {
  if (typeof result === 'string') return { text: result }
  return isFailure(result) ? { error: result.error } : { scores: result }
}

/** One call; a thrown error fails every request of it, except cancellation and mistakes of the caller. */
async function ask(
  model: EvaluatedModel,
  batch: readonly ModelRequest[],
  signal: AbortSignal | undefined,
): Promise<Result[]> {
  const options: CallOptions = signal === undefined ? {} : { signal }
  try {
    const results = await call(model, batch, options)
    if (results.length !== batch.length)
      return batch.map(() => ({ error: `expected ${batch.length} answers, got ${results.length}`, retryable: false }))
    return results.map((result, i) => checked(result, batch[i]!))
  } catch (error) {
    stopIfCancelled(signal)
    if (error instanceof MetricsError && error.code === 'model' && error.status === undefined) throw error
    const message = error instanceof Error ? error.message : String(error)
    return batch.map(() => ({ error: message }))
  }
}

async function call(
  model: EvaluatedModel,
  batch: readonly ModelRequest[],
  options: CallOptions,
): Promise<readonly Result[]> {
  const generate = batch.filter((request) => request.kind === 'generate')
  const score = batch.filter((request) => request.kind === 'score')
  if (generate.length > 0) {
    if (!model.generate) throw lacking(model.name, 'generate', 'Choose scoring by likelihood.')
    return model.generate(generate, options)
  }
  if (!model.score) throw lacking(model.name, 'score', "Choose scoring: 'generation'.")
  return model.score(score, options)
}

/** Refuses answers that cannot be used: no text, too few scores, NaN. */
function checked(result: Result, request: ModelRequest): Result {
  if (result === undefined || result === null) return { error: 'the model returned nothing' }
  if (isFailure(result)) return result
  if (request.kind === 'generate')
    return typeof result === 'string' ? result : { error: `expected a text, got ${typeof result}`, retryable: false }
  if (!Array.isArray(result) || result.length !== request.continuations.length)
    return {
      error: `expected ${request.continuations.length} scores, got ${JSON.stringify(result)?.slice(0, 80)}`,
      retryable: false,
    }
  const broken = (result as readonly ContinuationScore[]).some(
    ({ logProb }) => typeof logProb !== 'number' || Number.isNaN(logProb),
  )
  return broken ? { error: 'a log-probability is NaN', retryable: false } : result
}

const lacking = (name: string, what: string, advice: string): MetricsError =>
  new MetricsError('model', `evaluate: expected a model with '${what}', got '${name}' without it. ${advice}`, {
    operation: 'evaluate',
  })

function stopIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new MetricsError(
      'cancelled',
      'evaluate: expected to finish, got a cancellation. Run again with the same cache to go on.',
      {
        operation: 'evaluate',
        cause: signal.reason,
      },
    )
}

const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done)
  })
