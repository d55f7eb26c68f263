import {
  type ChatTokenizer,
  type Packing,
  type PreferenceRow,
  prepareDpo,
  prepareSft,
  type TokenRow,
  type TrlExample,
} from '@qilin-med/chimed'
import type { Case } from '../../kind'
import { equalityCase, readGolden } from '../chimed/golden'
import { attempt } from './attempt'
import { batchColumns, preferenceBatchColumns } from './collators'
import { recordsOf } from './functions'
import type { Tokenizers } from './tokenizers'

interface Config {
  readonly completion_only_loss?: boolean | null
  readonly assistant_only_loss?: boolean
  readonly max_length?: number | null
  readonly truncation_mode?: 'keep_start' | 'keep_end'
  readonly packing?: boolean
  readonly packing_strategy?: Exclude<Packing, 'qilin'>
  readonly padding_free?: boolean
  readonly pad_to_multiple_of?: number
}

interface PreparedRow {
  readonly kind: string
  readonly template: string
  readonly config: Config
  readonly examples?: readonly TrlExample[]
  readonly records_used?: readonly number[]
  readonly rows?: readonly Readonly<Record<string, readonly number[]>>[]
  readonly batch?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string }
}

const caseName = ({ kind: name, template, config }: PreparedRow, index: number): string => {
  const options = Object.entries(config).filter(([, value]) => value !== null && value !== false)
  return `${index + 1} ${name} ${template} ${options.map(([key, value]) => `${key}=${value}`).join(' ')}`.trim()
}

/** Records made into SFT rows, and their batches. */
export function sftCases(golden: string, tokenizers: Tokenizers): Case[] {
  const path = 'text/trl/sft_prepared'
  const found = readGolden<{ rows: readonly PreparedRow[] }>(golden, path)
  return (found?.rows ?? []).map((row, index) =>
    equalityCase(path, caseName(row, index), () =>
      sftParts(row, row.examples ?? recordsOf(golden, row.kind), tokenizers(row.template)),
    ),
  )
}

function sftParts(
  { config, ...expected }: PreparedRow,
  examples: readonly TrlExample[],
  tokenizer: ChatTokenizer,
): Record<string, readonly [unknown, unknown]> {
  const prepare = (): TokenRow[] =>
    prepareSft(examples, {
      tokenizer,
      completionOnlyLoss: config.completion_only_loss ?? undefined,
      assistantOnlyLoss: config.assistant_only_loss,
      maxLength: config.max_length === undefined ? 1024 : (config.max_length ?? undefined),
      truncationMode: config.truncation_mode,
      packing: config.packing ? (config.packing_strategy ?? 'bfd') : undefined,
    }).rows
  if (expected.error) return { error: attempt(prepare, { error: { message: '' } }) }
  const rows = prepare()
  const columns = rows.map((row) => ({
    input_ids: row.inputIds,
    labels: row.labels,
    seq_lengths: row.seqLengths,
    completion_mask: (row as { completionMask?: Uint8Array }).completionMask,
  }))
  const kept = rows.filter(({ inputIds }) => inputIds.length > 0)
  return {
    rows: [columns, expected.rows],
    ...(expected.batch && { batch: [sftBatch(kept, config, tokenizer), expected.batch] as const }),
  }
}

/** TRL turns padding-free on by itself when it packs with one of the best-fit strategies. */
function sftBatch(rows: readonly TokenRow[], config: Config, tokenizer: ChatTokenizer): Record<string, unknown> {
  const bestFit = config.packing === true && config.packing_strategy !== 'wrapped'
  return batchColumns(rows, {
    padId: tokenizer.padId!,
    padToMultipleOf: config.pad_to_multiple_of,
    paddingFree: config.padding_free === true || bestFit,
  })
}

/** Records made into DPO rows, and their batches. */
export function dpoCases(golden: string, tokenizers: Tokenizers): Case[] {
  const path = 'text/trl/dpo_prepared'
  const found = readGolden<{ rows: readonly PreparedRow[] }>(golden, path)
  return (found?.rows ?? []).map((row, index) =>
    equalityCase(path, caseName(row, index), () => {
      const records = recordsOf(golden, row.kind)
      return dpoParts(
        row,
        row.records_used!.map((record) => records[record]!),
        tokenizers(row.template),
      )
    }),
  )
}

function dpoParts(
  { config, ...expected }: PreparedRow,
  examples: readonly TrlExample[],
  tokenizer: ChatTokenizer,
): Record<string, readonly [unknown, unknown]> {
  const maxLength = config.max_length === undefined ? 1024 : (config.max_length ?? undefined)
  const prepare = (): PreferenceRow[] =>
    prepareDpo(examples, { tokenizer, maxLength, truncationMode: config.truncation_mode }).rows
  if (expected.error) return { error: attempt(prepare, { error: { message: '' } }) }
  const rows = prepare()
  const columns = rows.map(({ promptIds, chosenIds, rejectedIds }) => ({
    prompt_ids: promptIds,
    chosen_ids: chosenIds,
    rejected_ids: rejectedIds,
  }))
  const batch =
    expected.batch &&
    preferenceBatchColumns(rows, {
      padId: tokenizer.padId!,
      padToMultipleOf: config.pad_to_multiple_of,
      maxLength,
      truncationMode: config.truncation_mode,
    })
  return { rows: [columns, expected.rows], ...(batch && { batch: [batch, expected.batch] as const }) }
}
