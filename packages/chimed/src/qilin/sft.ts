import { type Converted, drop } from '../sources/source'
import { ignoreIndex, type Message, type Tokenizer, type TokenRow } from '../types'

/** A turn as the Qilin-Med scripts store it. */
export interface QilinTurn {
  readonly from?: string
  readonly value: string
}

/** Lengths of the Qilin-Med SFT script. */
export interface QilinSftOptions {
  readonly tokenizer: Tokenizer
  /** Ids kept of a prompt (default 256). */
  readonly maxSource?: number | undefined
  /** Ids kept of an answer, its EOS included (default 256). The whole conversation is held to the sum of both. */
  readonly maxTarget?: number | undefined
}

/** The row, the message texts it was made from, and how many exchanges fitted in. */
export interface QilinSftRow extends TokenRow {
  readonly messages: readonly string[]
  readonly turnsUsed: number
}

/** Why the script skips a conversation. */
export interface QilinSkip {
  readonly skipped: string
}

/**
 * Message texts that the script keeps. Roles count by position after the first message was dropped when it is no `input`: a turn out of
 * alternation is skipped (so that an input may end up in the place of an answer), an unknown role ends the scan.
 */
export function qilinTurns(turns: readonly QilinTurn[]): readonly string[] | QilinSkip {
  if (turns.length < 2) return { skipped: 'fewer than 2 messages' }
  const scanned = turns[0]!.from === 'input' ? turns : turns.slice(1)
  if (scanned.length < 2) return { skipped: 'fewer than 2 messages after dropping the first' }
  const kept: string[] = []
  for (const [index, { from, value }] of scanned.entries()) {
    if (from !== 'input' && from !== 'output') break
    if (from === (index % 2 === 0 ? 'input' : 'output')) kept.push(value)
  }
  return kept.length < 2 || kept.length % 2 === 1 ? { skipped: 'odd or fewer than 2 kept messages' } : kept
}

/**
 * A row as `supervised_finetuning.py` builds it: per exchange the prompt in the Baichuan chat template and the answer with EOS, cut to
 * 256 ids each; labels on answers and their EOS only; exchanges beyond the total length are dropped.
 */
export function qilinSftRow(
  turns: readonly QilinTurn[],
  { tokenizer, maxSource = 256, maxTarget = 256 }: QilinSftOptions,
): QilinSftRow | QilinSkip {
  const messages = qilinTurns(turns)
  if ('skipped' in messages) return messages
  const eos = tokenizer.eosId!
  const ids: number[] = []
  const labels: number[] = []
  let turnsUsed = 0
  for (let i = 0; i < messages.length; i += 2) {
    const prompt = `${i > 0 ? '</s>' : ''} <reserved_102> ${messages[i]} <reserved_103> `
    let source = Array.from(tokenizer.encode(prompt, { addSpecialTokens: i === 0 })).slice(0, maxSource)
    let target = Array.from(tokenizer.encode(messages[i + 1]!, { addSpecialTokens: false })).slice(0, maxTarget - 1)
    if (source[0] === eos) source = source.slice(1)
    if (target.at(-1) === eos) target = target.slice(0, -1)
    if (ids.length + source.length + target.length + 1 > maxSource + maxTarget) break
    ids.push(...source, ...target, eos)
    labels.push(...source.map(() => ignoreIndex), ...target, eos)
    turnsUsed++
  }
  if (labels.every((label) => label === ignoreIndex)) return { skipped: 'no label' }
  return { inputIds: Int32Array.from(ids), labels: Int32Array.from(labels), messages, turnsUsed }
}

/** The turns of a conversation in the names of the scripts; a system message is joined to the first question. */
export function toQilinTurns(messages: readonly Message[]): QilinTurn[] {
  const system = messages[0]?.role === 'system' ? `${messages[0].content}\n` : ''
  return messages
    .filter(({ role }) => role !== 'system')
    .map(({ role, content }, index) => ({
      from: role === 'assistant' ? 'output' : 'input',
      value: index === 0 ? system + content : content,
    }))
}

/** The row of a conversation, or why there is none. */
export function qilinConversation(messages: readonly Message[], options: QilinSftOptions): Converted<TokenRow> {
  const row = qilinSftRow(toQilinTurns(messages), options)
  return 'skipped' in row ? drop('qilin', row.skipped) : { record: { inputIds: row.inputIds, labels: row.labels } }
}
