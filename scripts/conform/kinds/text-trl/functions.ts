import {
  applyChatTemplate,
  extractPrompt,
  isConversational,
  isConversationalFromValue,
  maybeApplyChatTemplate,
  maybeExtractPrompt,
  type TrlExample,
  toChatMl,
  unpairPreferences,
} from '@qilin-med/chimed'
import type { Case } from '../../kind'
import { equalityCase, readGolden } from '../chimed/golden'
import { type Attempt, attempt } from './attempt'
import type { Tokenizers } from './tokenizers'

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

/** Which template the generator gave to `maybe_apply_chat_template`; plain records are left alone by any. */
const firstTemplate = 'chatml_training'

/** Functions on single records, with plain and conversational ones. */
export function functionCases(golden: string, tokenizers: Tokenizers): Case[] {
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

/** Records of a kind, in the order of `functions.json`. */
export const recordsOf = (golden: string, name: string): TrlExample[] =>
  (readGolden<Functions>(golden, 'text/trl/functions')?.rows ?? [])
    .filter((row) => row.kind === name)
    .map(({ example }) => example)
