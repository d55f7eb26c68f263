import { ChimedError } from '../errors'
import { faultLog, stepReport } from '../faults'
import { shardedPassages } from '../shard/passages'
import { changeOf, dropTeller, type Step } from '../step'
import { tokenizerFingerprint } from '../tokenizer-fingerprint'
import type { ChimedRecord, CptText, Tokenizer } from '../types'
import { duplicatedTokens, removeDuplicatedText, type SubstringOptions } from './substring'

/** Options of `dedup.substring`. */
export interface SubstringStepOptions extends Omit<SubstringOptions, 'length'> {
  /** Shortest duplicate in tokens; needs `tokenizer`. */
  readonly minTokens?: number | undefined
  /** Shortest duplicate in bytes of UTF-8, when `minTokens` is not given (default 150: 50 Chinese characters). */
  readonly minBytes?: number | undefined
  readonly tokenizer?: Tokenizer | undefined
}

/**
 * Removes duplicated passages from pre-training texts by suffix sorting, as Lee et al. 2022: every copy, in two passes. Conversations and
 * preferences pass unchanged: a turn with a hole is no turn.
 */
export function substring({
  minTokens,
  minBytes = 150,
  tokenizer,
  keep = 'none',
  passes = 2,
}: SubstringStepOptions = {}): Step {
  if (minTokens !== undefined && !tokenizer)
    throw new ChimedError(
      'option',
      'dedup.substring: expected a tokenizer with minTokens, got none. Pass tokenizer, or give minBytes.',
    )
  const byTokenCount = tokenizer && minTokens !== undefined
  return {
    name: 'dedup.substring',
    options: { minTokens, minBytes, keep, passes, tokenizer: byTokenCount && tokenizerFingerprint(tokenizer) },
    sharded: shardedPassages({
      length: byTokenCount ? minTokens : minBytes,
      keep,
      passes,
      tokenizer: byTokenCount ? tokenizer : undefined,
    }),
    run: (records, { onDrop } = {}) => {
      const log = faultLog()
      const tell = dropTeller('dedup.substring', log, onDrop)
      const texts = records.flatMap((record, index) => ('text' in record ? [{ index, text: record.text }] : []))
      const list = texts.map(({ text }) => text)
      const left =
        tokenizer && minTokens !== undefined
          ? byTokens(list, tokenizer, { length: minTokens, keep, passes })
          : removeDuplicatedText(list, { length: minBytes, keep, passes }).documents
      const changed = new Map(texts.map(({ index, text }, at) => [index, { before: text, after: left[at]! }]))
      const kept = records.flatMap((record, index) => {
        const change = changed.get(index)
        if (!change || change.before === change.after) return [record]
        if (change.after.trim() === '') {
          tell(record, 'all-duplicated', 'every passage occurs elsewhere')
          return []
        }
        log.add(
          changeOf(
            record,
            'passage-removed',
            `${change.before.length - change.after.length} characters that occur elsewhere`,
          ),
        )
        return [{ ...(record as CptText), text: change.after } as ChimedRecord as typeof record]
      })
      return { records: kept, report: stepReport('dedup.substring', records.length, kept.length, log) }
    },
  }
}

/** Texts without the tokens of duplicated windows; texts without any stay as they are, others are decoded from what is left. */
function byTokens(
  texts: readonly string[],
  tokenizer: Tokenizer,
  { length, keep, passes = 1 }: SubstringOptions,
): string[] {
  let ids = texts.map((text) => Array.from(tokenizer.encode(text, { addSpecialTokens: false })))
  const touched = new Set<number>()
  for (let round = 0; round < passes; round++) {
    const { byDocument } = duplicatedTokens(ids, { length, keep })
    for (const [index, ranges] of byDocument.entries()) if (ranges.length > 0) touched.add(index)
    ids = ids.map((list, index) =>
      byDocument[index]!.length === 0
        ? list
        : list.filter((_, at) => !byDocument[index]!.some(([from, to]) => at >= from && at < to)),
    )
  }
  return texts.map((text, index) => (touched.has(index) ? tokenizer.decode(ids[index]!) : text))
}
