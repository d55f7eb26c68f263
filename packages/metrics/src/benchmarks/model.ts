/** One turn of a conversation. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** What a model continues: plain text, or a conversation that its chat template turns into text. */
export type Prompt = string | readonly ChatMessage[]

/** Asks for a continuation, greedily. */
export interface GenerateRequest {
  readonly kind: 'generate'
  /** Names the row, such as `cmexam/17`; files of predictions are looked up by it. */
  readonly id: string
  readonly prompt: Prompt
  /** Most tokens to add. */
  readonly maxTokens: number
  /** Texts that end the answer; they are not part of it. */
  readonly stop?: readonly string[]
}

/** Asks for the log-likelihood of each continuation, all of the same prompt: compute it once for all of them. */
export interface ScoreRequest {
  readonly kind: 'score'
  readonly id: string
  readonly prompt: Prompt
  readonly continuations: readonly string[]
  /**
   * Characters at the start of a text prompt that many requests share, such as few-shot examples. Requests come sorted, so that
   * neighbours share most.
   */
  readonly sharedPrefix?: number
}

/** Anything that is asked of a model. */
export type ModelRequest = GenerateRequest | ScoreRequest

/** Log-likelihood of one continuation after its prompt. */
export interface ContinuationScore {
  /** Sum of natural log-probabilities of its tokens. */
  readonly logProb: number
  readonly tokens: number
  /** Log-probability of its first token alone; needed by first-token scoring when continuations have several tokens. */
  readonly firstLogProb?: number
}

/** A request that a model could not answer, next to others of its batch that it could. */
export interface ModelFailure {
  readonly error: string
  /** Whether asking again may help; true unless set. */
  readonly retryable?: boolean
  /** How long to wait before asking again, when the server said so. */
  readonly retryAfterMs?: number
}

/** What every call of a model gets besides its requests. */
export interface CallOptions {
  readonly signal?: AbortSignal
}

/**
 * A model under evaluation: anything that can generate, or score, or both. Each call answers a batch in order; the texts of one batch
 * have the same limits; an answer that failed
 * alone is a `ModelFailure`, and a thrown error fails the batch. Both are asked again a bounded number of times.
 */
export interface EvaluatedModel {
  /** Name in tables. */
  readonly name: string
  /**
   * Tells different weights apart in the cache; the name unless given. Change it when the weights change, for example to a hash of
   * the checkpoint and its adapter.
   */
  readonly identity?: string
  /** True when answers are looked up by a request's id, so that equal questions may have different answers. */
  readonly answersById?: boolean
  /** Requests of one call; 16 by default. */
  readonly batchSize?: number
  generate?(requests: readonly GenerateRequest[], options: CallOptions): Promise<readonly (string | ModelFailure)[]>
  score?(
    requests: readonly ScoreRequest[],
    options: CallOptions,
  ): Promise<readonly (readonly ContinuationScore[] | ModelFailure)[]>
}
