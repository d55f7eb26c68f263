import type { ScoreRequest } from '../score/rows'
import type { Tokenizer } from '../tokenizer/types'

/** A prompt and the texts that may follow it. */
export interface TextScoreRequest {
  readonly prompt: string | readonly number[]
  readonly continuations: readonly string[]
}

/** Requests in token ids, and where each continuation of each text request is found: its row, and its number there. */
export interface PartedRequests {
  readonly rows: readonly ScoreRequest[]
  readonly places: readonly (readonly (readonly [row: number, which: number])[])[]
}

/**
 * Text requests in token ids. Prompt and continuation are tokenised together, as the text they are, and parted where the prompt's own
 * tokens end, as lm-evaluation-harness does. Where the tokenizer joins them in one token, that token belongs to the
 * continuation, and a continuation gets a row of its own.
 */
export const partedRequests = (requests: readonly TextScoreRequest[], tokenizer: Tokenizer): PartedRequests => {
  const rows: { prompt: readonly number[]; continuations: (readonly number[])[] }[] = []
  const places = requests.map(({ prompt, continuations }) => {
    const own = typeof prompt === 'string' ? tokenizer.encode(prompt) : prompt
    const byLength = new Map<number, number>()
    return continuations.map((continuation): readonly [number, number] => {
      const { ids, length } = parted(prompt, own, continuation, tokenizer)
      const same = byLength.get(length)
      // Ids before the end of the prompt's own tokens are not always the prompt's.
      const known = same !== undefined && sameStart(rows[same]!.prompt, ids) ? same : undefined
      const row = known ?? rows.push({ prompt: ids.slice(0, length), continuations: [] }) - 1
      byLength.set(length, row)
      return [row, rows[row]!.continuations.push(ids.slice(length)) - 1]
    })
  })
  return { rows, places }
}

const parted = (
  prompt: string | readonly number[],
  own: readonly number[],
  continuation: string,
  tokenizer: Tokenizer,
): { readonly ids: readonly number[]; readonly length: number } => {
  if (typeof prompt !== 'string')
    return { ids: [...own, ...tokenizer.encode(continuation, { addSpecialTokens: false })], length: own.length }
  const ids = tokenizer.encode(prompt + continuation)
  const scored = continuation === '' ? 0 : 1 // tokens of the continuation at least
  return { ids, length: Math.min(own.length, ids.length - scored) }
}

const sameStart = (start: readonly number[], ids: readonly number[]): boolean => start.every((id, i) => ids[i] === id)
