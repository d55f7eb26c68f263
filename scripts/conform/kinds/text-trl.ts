import {
  applyChatTemplate,
  type ChatTokenizer,
  extractPrompt,
  isConversational,
  isConversationalFromValue,
  languageModelingBatch,
  mapBatchRows,
  maybeApplyChatTemplate,
  maybeExtractPrompt,
  type Packing,
  type PreferenceRow,
  packBatch,
  preferenceBatch,
  prepareDpo,
  prepareSft,
  type TokenRow,
  type TrlExample,
  toChatMl,
  truncateRow,
  unpairPreferences,
} from '@qilin-med/chimed'
import { tokenizerFromJson, tokenizerSettings } from '@qilin-med/models/tokenizer'
import type { Case, Kind } from '../kind'
import { equalityCase, readGolden } from './chimed/golden'

/** What TRL does to records: functions, packing, collators, prepared SFT and DPO rows. */
export const kind: Kind = {
  prefix: 'text/trl',
  discover: ({ golden }) => {
    const tokenizers = tokenizersOf(golden)
    return [
      ...functionCases(golden, tokenizers),
      ...packingCases(golden),
      ...collatorCases(golden),
      ...sftCases(golden, tokenizers),
      ...dpoCases(golden, tokenizers),
    ]
  },
}

/** A tokenizer with the chat template of a name in `chat/templates.json`. */
type Tokenizers = (template: string) => ChatTokenizer

/** The tokenizer and tokens that the head of every file names: `qwen_bpe`, eos `<|im_end|>`, pad `<|endoftext|>`; gemma3_training has a BOS. */
function tokenizersOf(golden: string): Tokenizers {
  const made = new Map<string, ChatTokenizer>()
  return (template) => {
    let tokenizer = made.get(template)
    if (!tokenizer) made.set(template, (tokenizer = makeTokenizer(golden, template)))
    return tokenizer
  }
}

function makeTokenizer(golden: string, name: string): ChatTokenizer {
  const file = readGolden<Parameters<typeof tokenizerFromJson>[0]>(golden, 'text/tokenizers/qwen_bpe.tokenizer')
  const templates = readGolden<{ templates: { name: string; template?: string }[] }>(golden, 'text/chat/templates')
  const template = templates?.templates.find((entry) => entry.name === name)?.template
  if (!file || template === undefined)
    throw new Error(
      `text/tokenizers/qwen_bpe.tokenizer.json or the template ${name} in text/chat/templates.json is missing`,
    )
  const bos = name === 'gemma3_training' ? { bos_token: '<bos>' } : {}
  return tokenizerFromJson(
    file,
    tokenizerSettings({ eos_token: '<|im_end|>', pad_token: '<|endoftext|>', chat_template: template, ...bos }),
  )
}

type Attempt = { readonly out?: unknown; readonly error?: { readonly message: string } }

interface FunctionRow {
  readonly kind: string
  readonly example: TrlExample
  readonly is_conversational: Attempt
  readonly is_conversational_from_value: Attempt
  readonly extract_prompt?: Attempt
  readonly maybe_extract_prompt?: Attempt
  readonly maybe_convert_to_chatml?: Attempt
  readonly maybe_apply_chat_template?: Attempt
  readonly apply_chat_template?: Readonly<Record<string, Attempt>>
}

interface Functions {
  readonly rows: readonly FunctionRow[]
  readonly unpair_preference_dataset: readonly {
    readonly kind: string
    readonly input: readonly TrlExample[]
    readonly output: readonly TrlExample[]
  }[]
}

/** Result and expectation; an error only has to be one on both sides. */
function attempt(run: () => unknown, expected: Attempt): readonly [unknown, unknown] {
  try {
    return [{ out: run() }, expected.error ? { error: true } : { out: expected.out }]
  } catch (error) {
    return expected.error
      ? [{ error: true }, { error: true }]
      : [{ error: (error as Error).message }, { out: expected.out }]
  }
}

/** Which template the generator gave to `maybe_apply_chat_template`; plain records are left alone by any. */
const firstTemplate = 'chatml_training'

function functionCases(golden: string, tokenizers: Tokenizers): Case[] {
  const path = 'text/trl/functions'
  const found = readGolden<Functions>(golden, path)
  if (!found) return []
  const counts = new Map<string, number>()
  const rows = found.rows.map((row) => {
    const index = (counts.get(row.kind) ?? 0) + 1
    counts.set(row.kind, index)
    return equalityCase(path, `${row.kind} ${index}`, () => functionParts(row, tokenizers))
  })
  const unpaired = found.unpair_preference_dataset.map(({ kind: name, input, output }) =>
    equalityCase(path, `unpair ${name}`, () => ({
      rows: [input[0]?.label === undefined ? unpairPreferences(input) : input, output],
    })),
  )
  return [...rows, ...unpaired]
}

function functionParts(row: FunctionRow, tokenizers: Tokenizers): Record<string, readonly [unknown, unknown]> {
  const { example } = row
  const parts: Record<string, readonly [unknown, unknown]> = {
    'is conversational': attempt(() => isConversational(example), row.is_conversational),
    'from value': attempt(() => isConversationalFromValue(example), row.is_conversational_from_value),
  }
  if (row.extract_prompt)
    parts['extract prompt'] = attempt(
      () => extractPrompt(example as Parameters<typeof extractPrompt>[0]),
      row.extract_prompt,
    )
  if (row.maybe_extract_prompt)
    parts['maybe extract prompt'] = attempt(() => maybeExtractPrompt(example), row.maybe_extract_prompt)
  if (row.maybe_convert_to_chatml) parts.chatml = attempt(() => toChatMl(example), row.maybe_convert_to_chatml)
  if (row.maybe_apply_chat_template)
    parts['maybe template'] = attempt(
      () => maybeApplyChatTemplate(example, { tokenizer: tokenizers(firstTemplate) }),
      row.maybe_apply_chat_template,
    )
  const { tools, ...rest } = example
  for (const [name, expected] of Object.entries(row.apply_chat_template ?? {})) {
    parts[`template ${name}`] = attempt(
      () => applyChatTemplate(rest, { tokenizer: tokenizers(name), tools: tools as readonly unknown[] | undefined }),
      expected,
    )
  }
  return parts
}

interface Columns {
  readonly input_ids: readonly (readonly number[])[]
  readonly labels?: readonly (readonly number[])[]
  readonly seq_lengths?: readonly (readonly number[])[]
}

interface PackingGolden {
  readonly many_rows: { readonly row_lengths: readonly number[]; readonly seq_length: number } & Readonly<
    Record<
      'bfd' | 'wrapped',
      {
        readonly rows: number
        readonly first_ids: readonly number[]
        readonly lengths: readonly number[]
        readonly seq_lengths: readonly (readonly number[])[]
        readonly last: readonly number[]
      }
    >
  >
  readonly cases: readonly (Columns & { readonly seq_length: number } & Readonly<
      Record<
        'bfd' | 'bfd_split' | 'wrapped' | 'truncate',
        { readonly out?: Columns; readonly error?: { readonly message: string } }
      >
    >)[]
}

const tokenRows = ({ input_ids: ids, labels = ids }: Columns): TokenRow[] =>
  ids.map((row, index) => ({ inputIds: Int32Array.from(row), labels: Int32Array.from(labels[index]!) }))

const columnsOf = (rows: readonly TokenRow[]): Columns => ({
  input_ids: rows.map(({ inputIds }) => Array.from(inputIds)),
  labels: rows.map(({ labels }) => Array.from(labels)),
  ...(rows.some(({ seqLengths }) => seqLengths) && { seq_lengths: rows.map(({ seqLengths }) => [...seqLengths!]) }),
})

function packingCases(golden: string): Case[] {
  const path = 'text/trl/packing'
  const found = readGolden<PackingGolden>(golden, path)
  if (!found) return []
  const cases = found.cases.flatMap((expected, index) => {
    const strategies = (['bfd', 'bfd_split', 'wrapped'] as const).map((strategy) =>
      equalityCase(path, `case ${index + 1} ${strategy}`, () => ({
        columns: attempt(
          () => columnsOf(packBatch(tokenRows(expected), strategy, expected.seq_length)),
          withSeqLengths(expected[strategy]),
        ),
      })),
    )
    const truncated = equalityCase(path, `case ${index + 1} truncate`, () => ({
      columns: attempt(
        () => columnsOf(tokenRows(expected).map((row) => truncateRow(row, expected.seq_length, 'keep_start'))),
        expected.truncate,
      ),
    }))
    return [...strategies, truncated]
  })
  const many = (['bfd', 'wrapped'] as const).map((strategy) =>
    equalityCase(path, `many rows ${strategy}`, () => manyRows(found.many_rows, strategy)),
  )
  return [...cases, ...many]
}

/** A batch without any packed row has no lengths to show. */
const withSeqLengths = (expected: Attempt & { readonly out?: Columns }): Attempt => {
  if (!expected.out || expected.out.input_ids.length > 0) return expected
  const { seq_lengths: _none, ...columns } = expected.out
  return { out: columns }
}

function manyRows(
  { row_lengths: lengths, seq_length: length, ...expected }: PackingGolden['many_rows'],
  strategy: 'bfd' | 'wrapped',
): Record<string, readonly [unknown, unknown]> {
  let next = 0
  const rows = tokenRows({ input_ids: lengths.map((count) => Array.from({ length: count }, () => next++)) })
  const packed: TokenRow[] = []
  for (let start = 0; start < rows.length; start += mapBatchRows)
    packed.push(...packBatch(rows.slice(start, start + mapBatchRows), strategy, length))
  const { rows: count, first_ids: first, lengths: packedLengths, seq_lengths: seqLengths, last } = expected[strategy]
  const shown = packed.slice(0, first.length)
  return {
    rows: [packed.length, count],
    first: [shown.map(({ inputIds }) => inputIds[0]), first],
    lengths: [shown.map(({ inputIds }) => inputIds.length), packedLengths],
    'sequence lengths': [seqLengths.length > 0 ? shown.map((row) => row.seqLengths) : [], seqLengths],
    last: [packed.at(-1)?.inputIds, last],
  }
}

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

function collatorCases(golden: string): Case[] {
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

function batchColumns(
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

function preferenceBatchColumns(
  rows: readonly PreferenceRow[],
  options: Parameters<typeof preferenceBatch>[1],
): Record<string, unknown> {
  const { inputIds, attentionMask, completionMask } = preferenceBatch(rows, options)
  return { input_ids: inputIds, attention_mask: attentionMask, completion_mask: completionMask }
}

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

/** Records of a kind, in the order of `functions.json`. */
const recordsOf = (golden: string, name: string): TrlExample[] =>
  (readGolden<Functions>(golden, 'text/trl/functions')?.rows ?? [])
    .filter((row) => row.kind === name)
    .map(({ example }) => example)

const caseName = ({ kind: name, template, config }: PreparedRow, index: number): string => {
  const options = Object.entries(config).filter(([, value]) => value !== null && value !== false)
  return `${index + 1} ${name} ${template} ${options.map(([key, value]) => `${key}=${value}`).join(' ')}`.trim()
}

function sftCases(golden: string, tokenizers: Tokenizers): Case[] {
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

function dpoCases(golden: string, tokenizers: Tokenizers): Case[] {
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
