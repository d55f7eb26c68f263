import { cptDocuments, dpoRows, sftRows } from '../format/rows'
import type { Packing } from '../pack/pack'
import type { Corpus } from '../record'
import type { ChimedRecord, Conversation, CptText, OnFault, PreferencePair, Tokenizer } from '../types'
import type { ShardRow } from '../write/token-shard'
import type { TokenOptions } from './options'

/** Rows of a corpus before they are packed. */
export function corpusRows(
  corpus: Corpus,
  records: Iterable<ChimedRecord>,
  {
    tokens,
    tokenizer,
    onFault,
  }: { readonly tokens: TokenOptions; readonly tokenizer: Tokenizer; readonly onFault: OnFault },
): AsyncIterable<ShardRow> {
  const shared = { tokenizer, onFault }
  if (corpus === 'cpt') return cptDocuments(records as Iterable<CptText>, { ...tokens.cpt!, ...shared })
  if (corpus === 'sft') {
    const { maxLength, format } = tokens.sft!
    return sftRows(records as Iterable<Conversation>, { maxLength, format, ...shared })
  }
  return dpoRows(records as Iterable<PreferencePair>, { ...tokens.dpo!, ...shared })
}

/** How rows of a corpus are packed, or undefined where each stays a row of its own. */
export function packingOf(
  corpus: Corpus,
  { cpt, sft }: TokenOptions,
): { readonly packing: Packing; readonly maxLength: number } | undefined {
  if (corpus === 'cpt') return { packing: cpt!.packing ?? 'wrapped', maxLength: cpt!.blockSize }
  return corpus === 'sft' && sft!.packing ? { packing: sft!.packing, maxLength: sft!.maxLength } : undefined
}
