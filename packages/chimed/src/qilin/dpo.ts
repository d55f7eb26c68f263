import { ignoreIndex, type Tokenizer } from '../types'

/** A preference record in the names of the Qilin-Med scripts. */
export interface QilinPair {
  readonly question: string
  readonly response_chosen: string
  readonly response_rejected: string
}

/** The prompt of the DPO script. */
export const qilinPrompt = (question: string): string => `Question: ${question}\n\nAnswer: `

/** True when the script keeps the pair: both texts have 1 to `maxSource + maxTarget` characters (code points, not tokens). */
export function qilinKeepsPair(
  pair: QilinPair,
  { maxSource = 1024, maxTarget = 128 }: { readonly maxSource?: number; readonly maxTarget?: number } = {},
): boolean {
  const prompt = qilinPrompt(pair.question)
  return [pair.response_chosen, pair.response_rejected].every((response) => {
    const characters = codePoints(prompt + response)
    return characters > 0 && characters <= maxSource + maxTarget
  })
}

/** Number of code points, as Python's `len`. */
export function codePoints(text: string): number {
  let count = text.length
  for (let i = 0; i < text.length - 1; i++)
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) count--
  return count
}

/** Options of `qilinPairTokens`. */
export interface QilinPairOptions {
  readonly tokenizer: Tokenizer
  /** Ids of prompt and response together (default 1152). */
  readonly maxLength?: number | undefined
  /** Ids of a prompt that has to be cut (default 1024). */
  readonly maxPromptLength?: number | undefined
  /** Which end of a prompt is kept (default `keep_end`). */
  readonly truncationMode?: 'keep_end' | 'keep_start' | undefined
}

/** Ids with attention; 0 where the text itself holds an EOS id. */
export interface AttendedIds {
  readonly inputIds: readonly number[]
  readonly attentionMask: readonly number[]
}

/** The three sequences of TRL 0.7.4; chosen and rejected begin with the prompt, whose labels do not count. */
export interface QilinPairTokens {
  readonly prompt: AttendedIds
  readonly chosen: AttendedIds & { readonly labels: readonly number[] }
  readonly rejected: AttendedIds & { readonly labels: readonly number[] }
}

/** A pair tokenised as TRL 0.7.4 did under the DPO script: prompt and responses apart, EOS id after both responses, then cut to length. */
export function qilinPairTokens(
  pair: QilinPair,
  { tokenizer, maxLength = 1152, maxPromptLength = 1024, truncationMode = 'keep_end' }: QilinPairOptions,
): QilinPairTokens {
  const eos = tokenizer.eosId!
  const encode = (text: string): AttendedIds => {
    const inputIds = Array.from(tokenizer.encode(text, { addSpecialTokens: false }))
    return { inputIds, attentionMask: inputIds.map((id) => (id === eos ? 0 : 1)) }
  }
  const ended = ({ inputIds, attentionMask }: AttendedIds): AttendedIds => ({
    inputIds: [...inputIds, eos],
    attentionMask: [...attentionMask, 1],
  })
  let prompt = encode(qilinPrompt(pair.question))
  let chosen = ended(encode(pair.response_chosen))
  let rejected = ended(encode(pair.response_rejected))
  const longer = Math.max(chosen.inputIds.length, rejected.inputIds.length)
  if (prompt.inputIds.length + longer > maxLength)
    prompt = truncationMode === 'keep_start' ? slice(prompt, 0, maxPromptLength) : slice(prompt, -maxPromptLength)
  if (prompt.inputIds.length + longer > maxLength) {
    chosen = slice(chosen, 0, maxLength - maxPromptLength)
    rejected = slice(rejected, 0, maxLength - maxPromptLength)
  }
  const after = (response: AttendedIds): QilinPairTokens['chosen'] => ({
    inputIds: [...prompt.inputIds, ...response.inputIds],
    attentionMask: [...prompt.attentionMask, ...response.attentionMask],
    labels: [...prompt.inputIds.map(() => ignoreIndex), ...response.inputIds],
  })
  return { prompt, chosen: after(chosen), rejected: after(rejected) }
}

const slice = ({ inputIds, attentionMask }: AttendedIds, start: number, end?: number): AttendedIds => ({
  inputIds: inputIds.slice(start, end),
  attentionMask: attentionMask.slice(start, end),
})
