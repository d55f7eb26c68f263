import { toQilinTurns } from '../qilin/sft'
import type { Corpus } from '../record'
import type { ChimedRecord, Conversation, CptText, Origin, PreferencePair } from '../types'
import { writePieces } from './file'

/** Records, in memory or as they come. */
export type Records<T> = Iterable<T> | AsyncIterable<T>

/** Layouts that corpora are written in. */
export type CorpusFormat = 'trl' | 'qilin'

/** Names of the files of each layout. */
export const corpusFiles: Readonly<Record<CorpusFormat, Readonly<Record<Corpus, string>>>> = {
  trl: { cpt: 'cpt.jsonl', sft: 'sft.jsonl', dpo: 'dpo.jsonl' },
  qilin: { cpt: 'cpt.txt', sft: 'sft.jsonl', dpo: 'dpo.json' },
}

/** The line of a record in a layout, without its line break. */
export const recordLine: Readonly<Record<CorpusFormat, (record: ChimedRecord) => string>> = {
  trl: (record) =>
    'text' in record ? textLine(record) : 'messages' in record ? messagesLine(record) : preferenceLine(record),
  qilin: (record) =>
    'text' in record ? qilinTextLine(record) : 'messages' in record ? qilinSftLine(record) : qilinDpoLine(record),
}

/** `cpt.txt` of the Qilin-Med scripts: one text a line; line breaks inside a text become blanks. Returns the number of lines. */
export const writeCptText = (path: string, records: Records<CptText>): Promise<number> =>
  writeLines(path, records, qilinTextLine)

/** `sft.jsonl` of the Qilin-Med scripts: `{ conversations: [{ from: 'input' | 'output', value }] }`. */
export const writeQilinSft = (path: string, records: Records<Conversation>): Promise<number> =>
  writeLines(path, records, qilinSftLine)

/** `dpo.json` of the Qilin-Med scripts: an object a line with `question`, `response_chosen`, `response_rejected`. */
export const writeQilinDpo = (path: string, records: Records<PreferencePair>): Promise<number> =>
  writeLines(path, records, qilinDpoLine)

/** TRL's language-modelling format as JSONL: `{ text }`, with `source` beside it. */
export const writeTextJsonl = (path: string, records: Records<CptText>): Promise<number> =>
  writeLines(path, records, textLine)

/** TRL's conversational format as JSONL: `{ messages }`, with `source` beside it. */
export const writeMessagesJsonl = (path: string, records: Records<Conversation>): Promise<number> =>
  writeLines(path, records, messagesLine)

/** TRL's preference format as JSONL: messages when there are earlier turns, text otherwise. */
export const writePreferenceJsonl = (path: string, records: Records<PreferencePair>): Promise<number> =>
  writeLines(path, records, preferenceLine)

const qilinTextLine = ({ text }: CptText): string => text.replace(/\s*\n\s*/g, ' ')

const qilinSftLine = ({ messages }: Conversation): string => JSON.stringify({ conversations: toQilinTurns(messages) })

const qilinDpoLine = ({ prompt, chosen, rejected, history }: PreferencePair): string =>
  JSON.stringify({
    question: [...(history ?? []).map(({ content }) => content), prompt].join('\n'),
    response_chosen: chosen,
    response_rejected: rejected,
  })

const textLine = ({ text, origin }: CptText): string => JSON.stringify({ text, ...sourceOf(origin) })

const messagesLine = ({ messages, origin }: Conversation): string => JSON.stringify({ messages, ...sourceOf(origin) })

const preferenceLine = ({ prompt, chosen, rejected, history, origin }: PreferencePair): string =>
  JSON.stringify(
    history
      ? {
          prompt: [...history, { role: 'user', content: prompt }],
          chosen: [{ role: 'assistant', content: chosen }],
          rejected: [{ role: 'assistant', content: rejected }],
          ...sourceOf(origin),
        }
      : { prompt, chosen, rejected, ...sourceOf(origin) },
  )

/**
 * TRL's prompt-completion format as JSONL: `completion` is the last answer, `prompt` what comes before it; text for a single question, messages
 * otherwise. The loss then falls on the last answer only.
 */
export const writePromptCompletionJsonl = (path: string, records: Records<Conversation>): Promise<number> =>
  writeLines(path, records, ({ messages, origin }) => {
    const prompt = messages.slice(0, -1)
    const completion = messages.slice(-1)
    const single = prompt.length === 1 && prompt[0]!.role === 'user'
    return JSON.stringify(
      single
        ? { prompt: prompt[0]!.content, completion: completion[0]!.content, ...sourceOf(origin) }
        : { prompt, completion, ...sourceOf(origin) },
    )
  })

/** TRL's unpaired preference format (for KTO) as JSONL: two rows a pair, `label` true for the chosen answer. Returns the number of pairs. */
export const writeUnpairedJsonl = (path: string, records: Records<PreferencePair>): Promise<number> =>
  writeLines(path, records, ({ prompt, chosen, rejected, history, origin }) => {
    const row = (completion: string, label: boolean): string =>
      JSON.stringify(
        history
          ? {
              prompt: [...history, { role: 'user', content: prompt }],
              completion: [{ role: 'assistant', content: completion }],
              label,
              ...sourceOf(origin),
            }
          : { prompt, completion, label, ...sourceOf(origin) },
      )
    return `${row(chosen, true)}\n${row(rejected, false)}`
  })

const sourceOf = (origin: Origin | undefined): object => (origin ? { source: origin.source } : {})

function writeLines<T>(path: string, records: Records<T>, line: (record: T) => string): Promise<number> {
  async function* lines(): AsyncGenerator<string> {
    for await (const record of records) yield `${line(record)}\n`
  }
  return writePieces(path, lines())
}

/** Records as lines of a layout. */
export const writeRecords = (path: string, records: Records<ChimedRecord>, format: CorpusFormat): Promise<number> =>
  writeLines(path, records, recordLine[format])
