import { ChimedError } from '../errors'
import { excerpt, throwFault } from '../faults'
import { type Packing, pack } from '../pack/pack'
import { conversationOf } from '../sources/conversation'
import { preferencesOf } from '../sources/preference'
import type { Converted } from '../sources/source'
import { type SplitManifest, testGuard } from '../split'
import { commonLength } from '../trl/formats'
import type {
  ChatTokenizer,
  Conversation,
  CptText,
  OnFault,
  Origin,
  PreferencePair,
  PreferenceRow,
  Row,
  Tokenizer,
  TokenRow,
} from '../types'
import { chatFormat, type Formatter } from './template'

/** Records, or rows of a file that hold records in any public layout. */
export type RecordRows<T> = Iterable<T | Row> | AsyncIterable<T | Row>

/** What all makers of training rows take. */
export interface RowOptions {
  /** Receives every record that gives no row; without it the first one is an error. */
  readonly onFault?: OnFault | undefined
  /** A record of a test split is an error when the split manifest of the data is given. */
  readonly manifest?: SplitManifest | undefined
  /** Rows are filled up with several samples; see `pack`. */
  readonly packing?: Packing | undefined
}

/** Options of `cptRows`. */
export interface CptRowOptions extends RowOptions {
  readonly tokenizer: Tokenizer
  /** Tokens of a block. */
  readonly blockSize: number
  /** What ends a document: the EOS id (default), a line break as in the Qilin-Med scripts, or nothing. */
  readonly separator?: 'eos' | 'newline' | 'none' | undefined
}

/**
 * Blocks for continued pre-training: every token is a target. `packing` is `wrapped` (default: concatenated and cut, the last block short),
 * `qilin` (batches of 1000 texts, tails dropped), or TRL's `bfd`, `bfd_split`.
 */
export async function* cptRows(records: RecordRows<CptText>, options: CptRowOptions): AsyncGenerator<TokenRow> {
  const { blockSize, packing = 'wrapped' } = options
  yield* pack(cptDocuments(records, options), { packing, maxLength: blockSize })
}

/** The same before packing: a row a document, its separator included. */
export async function* cptDocuments(
  records: RecordRows<CptText>,
  { tokenizer, separator = 'eos', manifest }: Pick<CptRowOptions, 'tokenizer' | 'separator' | 'manifest'>,
): AsyncGenerator<TokenRow> {
  if (separator === 'eos' && tokenizer.eosId === undefined)
    throw new ChimedError(
      'option',
      'cptRows: expected a tokenizer with an end token, got none. Choose another separator.',
    )
  const guard = manifest && testGuard('cptRows', manifest)
  for await (const item of records) {
    const record = (isRow(item) ? item.value : item) as CptText
    guard?.(record)
    const { text } = record
    const inputIds = Int32Array.from(documentIds(text, tokenizer, separator))
    yield { inputIds, labels: inputIds }
  }
}

/** Ids of one document with its separator; an EOS is added only where there is none. */
function documentIds(text: string, tokenizer: Tokenizer, separator: 'eos' | 'newline' | 'none'): ArrayLike<number> {
  const ids = tokenizer.encode(separator === 'newline' ? `${text}\n` : text)
  return separator === 'eos' && ids[ids.length - 1] !== tokenizer.eosId ? [...Array.from(ids), tokenizer.eosId!] : ids
}

/** Options of `sftRows`: a format, or a tokenizer with a chat template. */
export interface SftRowOptions extends RowOptions {
  readonly tokenizer: Tokenizer | ChatTokenizer
  /** Tokens of a row. */
  readonly maxLength: number
  /** How messages become ids (default: the tokenizer's chat template, labels on answers). */
  readonly format?: Formatter | undefined
}

/** Rows for SFT from conversations, or from rows of a file in any public layout; labels on answers only. */
export async function* sftRows(records: RecordRows<Conversation>, options: SftRowOptions): AsyncGenerator<TokenRow> {
  const { tokenizer, maxLength, packing, manifest, onFault = throwFault } = options
  const guard = manifest && testGuard('sftRows', manifest)
  const format = options.format ?? defaultFormat(tokenizer, maxLength)
  async function* rows(): AsyncGenerator<TokenRow> {
    for await (const item of records) {
      const conversation = isRow(item) ? conversationOf(item.value as Record<string, unknown>) : { record: item }
      if (!('drop' in conversation)) guard?.(conversation.record as Conversation)
      const outcome = 'drop' in conversation ? conversation : format(conversation.record.messages)
      const row = take(outcome, item, onFault)
      if (row) yield row
    }
  }
  yield* packing ? pack(rows(), { packing, maxLength }) : rows()
}

function defaultFormat(tokenizer: Tokenizer | ChatTokenizer, maxLength: number): Formatter {
  if (!('applyChatTemplate' in tokenizer))
    throw new ChimedError(
      'option',
      'sftRows: expected a format or a tokenizer with a chat template, got neither. Pass format, such as plainFormat or qilinFormat.',
    )
  return chatFormat({ tokenizer, maxLength })
}

/** Options of `dpoRows`. */
export interface DpoRowOptions {
  readonly tokenizer: Tokenizer | ChatTokenizer
  /** Tokens of prompt and completion together; completions are cut, pairs whose prompt fills it are left out (default: any). */
  readonly maxLength?: number | undefined
  /** The prompt as text (default: the tokenizer's chat template). */
  readonly prompt?: ((pair: PreferencePair) => string) | undefined
  readonly onFault?: OnFault | undefined
  /** A record of a test split is an error when the split manifest of the data is given. */
  readonly manifest?: SplitManifest | undefined
}

/** Rows for DPO from preference pairs, or from rows of a file in any public layout; both completions end with EOS. */
export async function* dpoRows(
  records: RecordRows<PreferencePair>,
  options: DpoRowOptions,
): AsyncGenerator<PreferenceRow> {
  const { manifest, onFault = throwFault } = options
  const guard = manifest && testGuard('dpoRows', manifest)
  for await (const item of records) {
    const pairs = isRow(item) ? [preferencesOf(item.value as Record<string, unknown>)].flat() : [{ record: item }]
    for (const pair of pairs) {
      if (!('drop' in pair)) guard?.(pair.record as PreferencePair)
      const row = take('drop' in pair ? pair : pairRow(pair.record as PreferencePair, options), item, onFault)
      if (row) yield row
    }
  }
}

function pairRow(pair: PreferencePair, { tokenizer, prompt, maxLength }: DpoRowOptions): Converted<PreferenceRow> {
  const row = prompt ? plainPair(pair, prompt(pair), tokenizer) : chatPair(pair, tokenizer)
  if (maxLength === undefined) return { record: row }
  const room = maxLength - row.promptIds.length
  if (room <= 0)
    return { drop: 'prompt-too-long', reason: `the prompt has ${row.promptIds.length} tokens, the row ${maxLength}` }
  return {
    record: {
      promptIds: row.promptIds,
      chosenIds: row.chosenIds.subarray(0, room),
      rejectedIds: row.rejectedIds.subarray(0, room),
    },
  }
}

function plainPair(pair: PreferencePair, prompt: string, tokenizer: Tokenizer): PreferenceRow {
  const promptIds = Array.from(tokenizer.encode(prompt))
  if (promptIds.at(-1) === tokenizer.eosId) promptIds.pop()
  const completion = (text: string): Int32Array =>
    Int32Array.from([
      ...Array.from(tokenizer.encode(text, { addSpecialTokens: false })),
      ...(tokenizer.eosId === undefined ? [] : [tokenizer.eosId]),
    ])
  return {
    promptIds: Int32Array.from(promptIds),
    chosenIds: completion(pair.chosen),
    rejectedIds: completion(pair.rejected),
  }
}

function chatPair(
  { prompt, chosen, rejected, history = [] }: PreferencePair,
  tokenizer: Tokenizer | ChatTokenizer,
): PreferenceRow {
  if (!('applyChatTemplate' in tokenizer))
    throw new ChimedError(
      'option',
      'dpoRows: expected a prompt function or a tokenizer with a chat template, got neither. Pass prompt.',
    )
  const messages = [...history, { role: 'user' as const, content: prompt }]
  const whole = (answer: string): Int32Array =>
    Int32Array.from(tokenizer.applyChatTemplate([...messages, { role: 'assistant', content: answer }]).ids)
  const promptIds = Int32Array.from(tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true }).ids)
  const [chosenIds, rejectedIds] = [whole(chosen), whole(rejected)]
  const length = Math.min(commonLength(promptIds, chosenIds), commonLength(promptIds, rejectedIds))
  return {
    promptIds: promptIds.subarray(0, length),
    chosenIds: chosenIds.subarray(length),
    rejectedIds: rejectedIds.subarray(length),
  }
}

const isRow = (item: object): item is Row => 'value' in item && 'line' in item

/** The row, or undefined after the fault was reported under the place the record came from. */
function take<R>(outcome: Converted<R>, item: object, onFault: OnFault): R | undefined {
  if (!('drop' in outcome)) return outcome.record as R
  const place: Partial<Origin> = isRow(item)
    ? { file: item.file, line: item.line }
    : ((item as { origin?: Origin }).origin ?? {})
  onFault({
    code: outcome.drop,
    reason: outcome.reason,
    file: place.file ?? place.source ?? '',
    line: place.line ?? 0,
    excerpt: excerpt(JSON.stringify(item)),
  })
  return undefined
}
