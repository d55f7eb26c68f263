import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  cptRows,
  packBlocks,
  type QilinPair,
  type QilinTurn,
  qilinBlocks,
  qilinKeepsPair,
  qilinPairTokens,
  qilinPrompt,
  qilinSftRow,
  type Tokenizer,
  type TokenRow,
  textLoaderRows,
} from '@qilin-med/chimed'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import type { Case, Kind, Outcome } from '../kind'
import { equalities, equalityCase, readGolden } from './chimed/golden'

/** The Qilin-Med scripts: block packing, SFT rows, DPO filter and tokens. The tokenizer is Baichuan's, from the data folder. */
export const kind: Kind = {
  prefix: 'text/qilin',
  discover: ({ golden, data }) => {
    const folder = data && join(data, 'models/baichuan-7b')
    const tokenizer =
      folder && existsSync(join(folder, 'tokenizer.model')) ? once(() => loadTokenizer(folder)) : undefined
    return [...packingCases(golden, tokenizer), ...sftCases(golden, tokenizer), ...dpoCases(golden, tokenizer)]
  },
}

type LoadTokenizer = (() => Promise<Tokenizer>) | undefined

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

/** A case that needs the tokenizer of the data folder. */
const withTokenizer = (
  path: string,
  name: string,
  load: LoadTokenizer,
  run: (tokenizer: Tokenizer) => Outcome | Promise<Outcome>,
): Case => ({
  path,
  name,
  run: async () =>
    load ? run(await load()) : { skipped: 'models/baichuan-7b/tokenizer.model is not in the data folder' },
})

/** The tokenizer with a BOS in front of every text that takes special tokens. */
const withBos = (tokenizer: Tokenizer): Tokenizer => ({
  ...tokenizer,
  encode: (text, options) => {
    const ids = Array.from(tokenizer.encode(text, { addSpecialTokens: false }))
    return options?.addSpecialTokens === false ? ids : [tokenizer.bosId!, ...ids]
  },
})

interface Packing {
  readonly cases: readonly {
    readonly row_lengths: readonly number[]
    readonly block_size: number
    readonly map_batch: number
    readonly blocks: number
    readonly first_ids: readonly number[]
    readonly last_ids: readonly number[]
    readonly lengths: readonly number[]
  }[]
  readonly text_loader: readonly { readonly file_text: string; readonly rows: readonly string[] }[]
  readonly tokens: {
    readonly lines: readonly string[]
    readonly ids: readonly (readonly number[])[]
    readonly ids_with_bos: readonly (readonly number[])[]
    readonly block_size: number
    readonly blocks: readonly (readonly number[])[]
    readonly blocks_batch_10: readonly (readonly number[])[]
  }
}

function packingCases(golden: string, load: LoadTokenizer): Case[] {
  const path = 'text/qilin/cpt_packing'
  const found = readGolden<Packing>(golden, path)
  if (!found) return []
  const { cases, text_loader: loader, tokens } = found
  return [
    ...cases.map((expected, index) =>
      equalityCase(path, `case ${index + 1}`, async () => {
        const blocks = await blocksOf(consecutive(expected.row_lengths), expected.block_size, expected.map_batch)
        return {
          blocks: [blocks.length, expected.blocks],
          first: [blocks.map((block) => block[0]), expected.first_ids],
          last: [blocks.map((block) => block.at(-1)), expected.last_ids],
          lengths: [blocks.map((block) => block.length), expected.lengths],
        }
      }),
    ),
    equalityCase(path, 'text loader', () =>
      Object.fromEntries(
        loader.map(({ file_text: text, rows }, index) => [`text ${index + 1}`, [textLoaderRows(text), rows]]),
      ),
    ),
    withTokenizer(path, 'tokens', load, async (tokenizer) => {
      const ids = tokens.lines.map((line) => Array.from(tokenizer.encode(line)))
      const bos = withBos(tokenizer)
      return equalities({
        ids: [ids, tokens.ids],
        bos: [tokens.ids_with_bos.map((_, index) => bos.encode(tokens.lines[index]!)), tokens.ids_with_bos],
        blocks: [await blocksOf(ids, tokens.block_size, 1000), tokens.blocks],
        'blocks of 10': [await blocksOf(ids, tokens.block_size, 10), tokens.blocks_batch_10],
        rows: [await scriptBlocks(tokens.lines, tokenizer, tokens.block_size), tokens.blocks],
      })
    }),
  ]
}

/** Row k holds consecutive integers. */
function consecutive(lengths: readonly number[]): number[][] {
  let next = 0
  return lengths.map((length) => Array.from({ length }, () => next++))
}

async function blocksOf(
  rows: readonly (readonly number[])[],
  blockSize: number,
  batchRows: number,
): Promise<number[][]> {
  const inputs = rows.map((row): TokenRow => ({ inputIds: Int32Array.from(row), labels: Int32Array.from(row) }))
  const blocks: number[][] = []
  for await (const { inputIds } of packBlocks(inputs, { ...qilinBlocks, blockSize, batchRows }))
    blocks.push(Array.from(inputIds))
  return blocks
}

/** The same through the rows that training takes; the lines bring their own breaks. */
async function scriptBlocks(lines: readonly string[], tokenizer: Tokenizer, blockSize: number): Promise<number[][]> {
  const blocks: number[][] = []
  const records = lines.map((text) => ({ text }))
  for await (const { inputIds } of cptRows(records, { tokenizer, blockSize, separator: 'none', packing: 'qilin' }))
    blocks.push(Array.from(inputIds))
  return blocks
}

interface SftRow {
  readonly conversations: readonly QilinTurn[]
  readonly skipped?: string
  readonly messages?: readonly string[]
  readonly turns_used?: number
  readonly input_ids?: readonly number[]
  readonly labels?: readonly number[]
  readonly label_runs?: readonly (readonly [number, number])[]
  readonly max_source?: number
  readonly max_target?: number
}

interface Sft {
  readonly max_source: number
  readonly max_target: number
  readonly rows: readonly SftRow[]
  readonly other_lengths: readonly SftRow[]
  readonly tokenizer_with_bos: readonly SftRow[]
}

function sftCases(golden: string, load: LoadTokenizer): Case[] {
  const path = 'text/qilin/sft'
  const found = readGolden<Sft>(golden, path)
  if (!found) return []
  const group = (name: string, rows: readonly SftRow[], wrap: (tokenizer: Tokenizer) => Tokenizer = (x) => x): Case[] =>
    rows.map((row, index) =>
      withTokenizer(path, `${name} ${index + 1}`, load, (tokenizer) =>
        sftOutcome(row, {
          tokenizer: wrap(tokenizer),
          maxSource: row.max_source ?? found.max_source,
          maxTarget: row.max_target ?? found.max_target,
        }),
      ),
    )
  return [
    ...group('row', found.rows),
    ...group('other lengths', found.other_lengths),
    ...group('with BOS', found.tokenizer_with_bos, withBos),
  ]
}

function sftOutcome(expected: SftRow, options: Parameters<typeof qilinSftRow>[1]): Outcome {
  const row = qilinSftRow(expected.conversations, options)
  if ('skipped' in row) return equalities({ skipped: [row.skipped, expected.skipped] })
  return equalities({
    skipped: [undefined, expected.skipped],
    messages: [row.messages, expected.messages],
    turns: [row.turnsUsed, expected.turns_used],
    ids: [row.inputIds, expected.input_ids],
    ...(expected.labels && { labels: [row.labels, expected.labels] as const }),
    ...(expected.label_runs && { runs: [labelRuns(row), expected.label_runs] as const }),
  })
}

/** [start, end) of positions whose label is the id. */
function labelRuns({ labels }: TokenRow): [number, number][] {
  const runs: [number, number][] = []
  for (const [index, label] of labels.entries()) {
    if (label === -100) continue
    const last = runs.at(-1)
    if (last && last[1] === index) last[1]++
    else runs.push([index, index + 1])
  }
  return runs
}

interface Dpo {
  readonly filter_rows: readonly {
    readonly row: QilinPair
    readonly prompt_characters: number
    readonly keep: Readonly<Record<string, boolean>>
  }[]
  readonly tokenized: readonly (Readonly<Record<string, readonly number[]>> & {
    readonly row: number
    readonly max_length: number
    readonly max_prompt_length: number
    readonly mode: 'keep_end' | 'keep_start'
  })[]
}

function dpoCases(golden: string, load: LoadTokenizer): Case[] {
  const path = 'text/qilin/dpo'
  const found = readGolden<Dpo>(golden, path)
  if (!found) return []
  const filters = found.filter_rows.map(({ row, prompt_characters: characters, keep }, index) =>
    equalityCase(path, `filter ${index + 1}`, () => ({
      characters: [Array.from(qilinPrompt(row.question)).length, characters],
      keep: [Object.fromEntries(Object.keys(keep).map((lengths) => [lengths, keeps(row, lengths)])), keep],
    })),
  )
  const tokens = found.tokenized.map((expected, index) =>
    withTokenizer(path, `tokens ${index + 1}`, load, (tokenizer) => {
      const { prompt, chosen, rejected } = qilinPairTokens(found.filter_rows[expected.row]!.row, {
        tokenizer,
        maxLength: expected.max_length,
        maxPromptLength: expected.max_prompt_length,
        truncationMode: expected.mode,
      })
      return equalities({
        prompt: [prompt.inputIds, expected.prompt_input_ids],
        'prompt mask': [prompt.attentionMask, expected.prompt_attention_mask],
        chosen: [chosen.inputIds, expected.chosen_input_ids],
        'chosen mask': [chosen.attentionMask, expected.chosen_attention_mask],
        'chosen labels': [chosen.labels, expected.chosen_labels],
        rejected: [rejected.inputIds, expected.rejected_input_ids],
        'rejected mask': [rejected.attentionMask, expected.rejected_attention_mask],
        'rejected labels': [rejected.labels, expected.rejected_labels],
      })
    }),
  )
  return [...filters, ...tokens]
}

function keeps(row: QilinPair, lengths: string): boolean {
  const [maxSource, maxTarget] = lengths.split('+').map(Number)
  return qilinKeepsPair(row, { maxSource, maxTarget })
}
