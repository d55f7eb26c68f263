import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ChatMessage,
  ChatTemplateError,
  compileTemplate,
  Float,
  JinjaError,
  type Tokenizer,
  tokenizerFromJson,
  tokenizerSettings,
} from '@qilin-med/models/tokenizer'
import type { Case, Folders, Kind, Outcome } from '../kind'

/** Chat templates: text, ids, assistant masks and refusals of every template, and Jinja feature by feature. */
export const kind: Kind = {
  prefix: 'text/chat',
  discover: (folders) => [...renderedCases(folders), ...featureCases(folders)],
}

interface GoldenError {
  readonly type: string
  readonly message: string
}

interface GoldenTemplate {
  readonly name: string
  readonly bos_token: string | null
  readonly eos_token: string | null
  readonly pad_token: string | null
  readonly unk_token?: string | null
  readonly template?: string
}

interface Conversation {
  readonly messages: ChatMessage[]
  readonly tools?: unknown[]
}

interface Row {
  readonly template: string
  readonly conversation: number
  readonly options: Readonly<Record<string, unknown>>
  readonly text?: string
  readonly ids?: number[]
  readonly mask?: string
  readonly error?: GoldenError
}

interface Sanitized {
  readonly template: string
  readonly conversation: number
  readonly ids: number[]
  readonly ids_sanitized: number[]
}

function renderedCases({ golden, data }: Folders): Case[] {
  const folder = join(golden, 'text/chat')
  const rendered = read<{ rows: Row[]; sanitize_control_tokens?: Sanitized[] }>(join(folder, 'rendered.json'))
  const templates = read<{ templates: GoldenTemplate[] }>(join(folder, 'templates.json'))?.templates
  const conversations = read<{ conversations: Conversation[] }>(join(folder, 'conversations.json'))?.conversations
  if (rendered === undefined || templates === undefined || conversations === undefined) return []
  return templates.flatMap((template) => {
    const rows = rendered.rows.filter((row) => row.template === template.name)
    const safe = (rendered.sanitize_control_tokens ?? []).filter((row) => row.template === template.name)
    const one = (path: string, run: (tokenizer: Tokenizer) => Outcome): Case => ({
      path,
      name: template.name,
      run: () => {
        if (template.template === undefined) return { skipped: 'the template is not in the file' }
        const file = tokenizerFile(template.name, golden, data)
        if (file === undefined || !existsSync(file))
          return { skipped: 'needs models/minimind-tokenizer of the data folder' }
        return run(tokenizerOf(file, template))
      },
    })
    return [
      ...(rows.length > 0
        ? [one('text/chat/rendered', (tokenizer) => rowsOutcome(tokenizer, rows, conversations))]
        : []),
      ...(safe.length > 0
        ? [one('text/chat/sanitized', (tokenizer) => sanitizedOutcome(tokenizer, safe, conversations))]
        : []),
    ]
  })
}

const tokenizerFile = (template: string, golden: string, data: string | undefined): string | undefined => {
  if (template !== 'minimind') return join(golden, 'text/tokenizers/qwen_bpe.tokenizer.json')
  return data && join(data, 'models/minimind-tokenizer/tokenizer.json')
}

const tokenizerOf = (
  file: string,
  { template, bos_token, eos_token, pad_token, unk_token = null }: GoldenTemplate,
): Tokenizer =>
  tokenizerFromJson(
    JSON.parse(readFileSync(file, 'utf8')),
    tokenizerSettings({ bos_token, eos_token, pad_token, unk_token, chat_template: template }),
  )

function rowsOutcome(tokenizer: Tokenizer, rows: readonly Row[], conversations: readonly Conversation[]): Outcome {
  return mismatches(rows, (row) => [oursOf(tokenizer, row, conversations[row.conversation]!), goldenOf(row)])
}

const goldenOf = ({ text, ids, mask, error }: Row): unknown =>
  error === undefined ? { text, ids, mask } : refusal(error.type, error.message)

/** Wording is compared where the template itself chose it; other refusals are those of Python. */
const refusal = (kind: string, message: string): unknown =>
  kind === 'TemplateError' ? { kind, message } : { kind: kind === 'ValueError' ? 'refused' : kind }

function oursOf(tokenizer: Tokenizer, row: Row, { messages, tools }: Conversation): unknown {
  const { add_generation_prompt, continue_final_message, ...variables } = row.options
  try {
    const { text, ids, assistantMask } = tokenizer.applyChatTemplate(messages, {
      addGenerationPrompt: add_generation_prompt === true,
      continueFinalMessage: continue_final_message === true,
      ...(tools !== undefined && { tools }),
      variables,
    })
    return {
      text,
      ids: row.ids === undefined ? undefined : ids,
      mask: row.mask === undefined ? undefined : assistantMask?.join(''),
    }
  } catch (error) {
    if (!(error instanceof ChatTemplateError)) throw error
    return refusal(error.kind ?? 'ValueError', error.reason)
  }
}

function sanitizedOutcome(
  tokenizer: Tokenizer,
  rows: readonly Sanitized[],
  conversations: readonly Conversation[],
): Outcome {
  return mismatches(rows, ({ conversation, ids, ids_sanitized }) => {
    const { messages } = conversations[conversation]!
    const idsOf = (sanitizeControlTokens: boolean): number[] =>
      tokenizer.applyChatTemplate(messages, { sanitizeControlTokens }).ids
    return [
      [idsOf(false), idsOf(true)],
      [ids, ids_sanitized],
    ]
  })
}

interface Feature {
  readonly template: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly text?: string
  readonly error?: GoldenError
}

function featureCases({ golden }: Folders): Case[] {
  const features = read<{ cases: Feature[] }>(join(golden, 'text/chat/jinja_features.json'))?.cases ?? []
  return features.map((feature, i) => ({
    path: 'text/chat/jinja_features',
    name: `#${i} ${JSON.stringify(feature.template).slice(1, 60)}`,
    run: () => mismatches([feature], () => [renderedFeature(feature), feature.text ?? feature.error?.type]),
  }))
}

const renderedFeature = ({ template, variables }: Feature): string => {
  try {
    return compileTemplate(template).render(variables).text
  } catch (error) {
    if (error instanceof JinjaError) return error.kind
    throw error
  }
}

function mismatches<T>(items: readonly T[], compare: (item: T) => [ours: unknown, golden: unknown]): Outcome {
  let count = 0
  let first = ''
  for (const item of items) {
    const [ours, golden] = compare(item).map((side) => JSON.stringify(side))
    if (ours === golden) continue
    if (count++ === 0) first = `; got ${ours?.slice(0, 200)} for ${golden?.slice(0, 200)}`
  }
  return { difference: count, tolerance: 0, detail: `${items.length} rows${first}` }
}

/** JSON as Python reads it: `1.0` stays a float, and whole numbers keep all their digits. */
function read<T>(path: string): T | undefined {
  if (!existsSync(path)) return undefined
  const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
  const marked = readFileSync(path, 'utf8').replace(tokens, (token) => {
    if (token.startsWith('"')) return token
    if (/[.eE]/.test(token)) return `{"\\u0000float":"${token}"}`
    return Number.isSafeInteger(Number(token)) ? token : `{"\\u0000int":"${token}"}`
  })
  return JSON.parse(marked, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value
    if ('\0float' in value) return new Float(Number(value['\0float']))
    return '\0int' in value ? BigInt(String(value['\0int'])) : value
  }) as T
}
