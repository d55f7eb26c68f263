import { languageModelingBatch, type PreferenceRow, preferenceBatch, type TokenRow } from '@qilin-med/chimed'
import type { Case } from '../../kind'
import { equalityCase, readGolden } from '../chimed/golden'

interface CollatorRow {
  readonly collator: 'language_modeling' | 'preference'
  readonly options: {
    readonly pad_token_id: number
    readonly padding_free?: boolean
    readonly return_position_ids?: boolean
    readonly pad_to_multiple_of: number | null
    readonly max_length?: number | null
    readonly truncation_mode?: 'keep_start' | 'keep_end'
  }
  readonly examples: readonly Readonly<Record<string, readonly number[] | number>>[]
  readonly out: Readonly<Record<string, unknown>>
}

/** Batches of rows with labels, and of preference pairs. */
export function collatorCases(golden: string): Case[] {
  const path = 'text/trl/collators'
  const found = readGolden<{ rows: readonly CollatorRow[] }>(golden, path)
  return (found?.rows ?? []).map((row, index) =>
    equalityCase(path, `${row.collator} ${index + 1}`, () => ({
      batch: [
        row.collator === 'preference' ? preferenceColumns(row) : languageModelingColumns(row),
        withoutReference(row.out),
      ],
    })),
  )
}

/** Reference log-probabilities pass through TRL's collator; ours leaves them with their rows. */
const withoutReference = ({
  ref_chosen_logps: _chosen,
  ref_rejected_logps: _rejected,
  ...out
}: Readonly<Record<string, unknown>>): Record<string, unknown> => out

const numbers = (value: readonly number[] | number | undefined): Int32Array =>
  Int32Array.from((value as readonly number[] | undefined) ?? [])

function languageModelingColumns({ examples, options }: CollatorRow): Record<string, unknown> {
  const rows = examples.map(
    (example): TokenRow => ({
      inputIds: numbers(example.input_ids),
      labels: numbers(example.labels ?? example.input_ids),
      seqLengths: example.seq_lengths as readonly number[] | undefined,
    }),
  )
  return batchColumns(rows, {
    padId: options.pad_token_id,
    padToMultipleOf: options.pad_to_multiple_of ?? undefined,
    paddingFree: options.padding_free,
    positions: options.return_position_ids,
  })
}

/** A batch of rows with labels under TRL's names. */
export function batchColumns(
  rows: readonly TokenRow[],
  options: Parameters<typeof languageModelingBatch>[1],
): Record<string, unknown> {
  const batch = languageModelingBatch(rows, options)
  return {
    input_ids: batch.inputIds,
    labels: batch.labels,
    attention_mask: batch.attentionMask,
    position_ids: batch.positionIds,
    cu_seq_lens_q: batch.sampleStarts,
    cu_seq_lens_k: batch.sampleStarts,
    max_length_q: batch.maxSampleLength,
    max_length_k: batch.maxSampleLength,
    seq_idx: batch.sampleIndex && [batch.sampleIndex],
  }
}

function preferenceColumns({ examples, options }: CollatorRow): Record<string, unknown> {
  const rows = examples.map(
    (example): PreferenceRow => ({
      promptIds: numbers(example.prompt_ids),
      chosenIds: numbers(example.chosen_ids),
      rejectedIds: numbers(example.rejected_ids),
    }),
  )
  return preferenceBatchColumns(rows, {
    padId: options.pad_token_id,
    padToMultipleOf: options.pad_to_multiple_of ?? undefined,
    maxLength: options.max_length ?? undefined,
    truncationMode: options.truncation_mode,
  })
}

/** A batch of pairs under TRL's names. */
export function preferenceBatchColumns(
  rows: readonly PreferenceRow[],
  options: Parameters<typeof preferenceBatch>[1],
): Record<string, unknown> {
  const { inputIds, attentionMask, completionMask } = preferenceBatch(rows, options)
  return { input_ids: inputIds, attention_mask: attentionMask, completion_mask: completionMask }
}
