import type { ChatTokenizer, PreferenceRow } from '../types'
import { commonLength, extractPrompt, type TrlExample, type TrlMessage } from './formats'
import { promptIds, render, type TruncationMode, withEos } from './sft'

/** How TRL's `DPOTrainer` prepares rows. */
export interface TrlDpoOptions {
  readonly tokenizer: ChatTokenizer
  /** Tokens of prompt and completion together; undefined for any (TRL's own default is 1024). */
  readonly maxLength?: number | undefined
  readonly truncationMode?: TruncationMode | undefined
}

/** Prepared rows and how many were left out because their prompt fills `maxLength`. */
export interface TrlDpoResult {
  readonly rows: PreferenceRow[]
  readonly dropped: number
}

/**
 * Rows as TRL 1.16 prepares them: the prompt extracted when there is none, EOS text after plain completions, prompt and both whole texts
 * tokenised; the prompt ends where the three agree no longer. Completions are cut only when a batch is made (`preferenceBatch`).
 */
export function prepareDpo(
  examples: readonly TrlExample[],
  { tokenizer, maxLength, truncationMode = 'keep_start' }: TrlDpoOptions,
): TrlDpoResult {
  const [first] = examples
  if (!first) return { rows: [], dropped: 0 }
  const explicit =
    first.prompt === undefined
      ? examples.map((example) => ({
          ...example,
          ...extractPrompt({ chosen: example.chosen!, rejected: example.rejected! }),
        }))
      : examples
  const rows = explicit.map((example) => prepareRow(example, tokenizer))
  if (maxLength === undefined || truncationMode === 'keep_end') return { rows, dropped: 0 }
  const kept = rows.filter((row) => row.promptIds.length < maxLength)
  return { rows: kept, dropped: rows.length - kept.length }
}

function prepareRow(example: TrlExample, tokenizer: ChatTokenizer): PreferenceRow {
  const prompt = promptIds(example.prompt!, example, tokenizer)
  const whole = (completion: TrlExample['chosen']): Int32Array =>
    Int32Array.from(
      typeof example.prompt === 'string'
        ? tokenizer.encode(example.prompt + withEos(completion as string, tokenizer))
        : render([...(example.prompt as TrlMessage[]), ...(completion as TrlMessage[])], example, tokenizer).ids,
    )
  const chosen = whole(example.chosen)
  const rejected = whole(example.rejected)
  const length = Math.min(commonLength(prompt, chosen), commonLength(prompt, rejected))
  return {
    promptIds: Int32Array.from(prompt).subarray(0, length),
    chosenIds: chosen.subarray(length),
    rejectedIds: rejected.subarray(length),
  }
}
