import { throwFault } from '../faults'
import { conversationOf } from '../sources/conversation'
import { preferencesOf } from '../sources/preference'
import { type Converted, type Drop, drop } from '../sources/source'
import type { Conversation, CptText, PreferencePair } from '../types'
import { readJson } from './json'
import type { ReadOptions } from './jsonl'
import { formatOf, readRows } from './rows'
import { readLines } from './text'

/** Pre-training texts of a `cpt.txt` (a text a line) or of JSONL with `text`. */
export async function* readCpt(path: string, options: ReadOptions = {}): AsyncGenerator<CptText> {
  const { label = path, onFault = throwFault } = options
  if (formatOf(path) === 'text') {
    for await (const { value, line } of readLines(path, options))
      if (value.trim() !== '') yield { text: value, origin: { source: '', file: label, line } }
    return
  }
  for await (const { value, line } of readRows<{ text?: unknown; source?: unknown }>(path, options)) {
    if (typeof value.text === 'string' && value.text !== '')
      yield { text: value.text, origin: { source: String(value.source ?? ''), file: label, line } }
    else onFault({ code: 'missing-text', reason: 'no text', file: label, line })
  }
}

/** Conversations of an `sft.jsonl` of the scripts, of TRL's `messages`, or of any layout `conversationOf` knows. */
export const readSft = (path: string, options: ReadOptions = {}): AsyncGenerator<Conversation> =>
  convertRows(path, options, (value) => [conversationOf(value)])

/** Preference pairs of a `dpo.json` of the scripts, of TRL's format, or of any layout `preferencesOf` knows. */
export const readDpo = (path: string, options: ReadOptions = {}): AsyncGenerator<PreferencePair> =>
  convertRows(path, options, (value) => [preferencesOf(value)].flat())

async function* convertRows<T extends Conversation | PreferencePair>(
  path: string,
  options: ReadOptions,
  convert: (value: Readonly<Record<string, unknown>>) => Converted<T>[],
): AsyncGenerator<T> {
  const { label = path, onFault = throwFault } = options
  for await (const { value, line } of formatOf(path) === 'json'
    ? readJson<Record<string, unknown>>(path, options)
    : readRows<Record<string, unknown>>(path, options)) {
    const outcomes =
      typeof value === 'object' && value !== null
        ? convert(value)
        : [drop('row-shape', 'not an object') as Drop & Converted<T>]
    for (const outcome of outcomes) {
      if ('drop' in outcome) onFault({ code: outcome.drop, reason: outcome.reason, file: label, line })
      else yield { ...outcome.record, origin: { source: String(value.source ?? ''), file: label, line } } as T
    }
  }
}
