import { toQilinTurns } from '../qilin/sft'
import type { Conversation, CptText, PreferencePair } from '../types'
import { writePieces } from './file'

/** Records, in memory or as they come. */
export type Records<T> = Iterable<T> | AsyncIterable<T>

/** `cpt.txt` of the Qilin-Med scripts: one text a line; line breaks inside a text become blanks. Returns the number of lines. */
export const writeCptText = (path: string, records: Records<CptText>): Promise<number> =>
  writePieces(
    path,
    lines(records, ({ text }) => text.replace(/\s*\n\s*/g, ' ')),
  )

/** `sft.jsonl` of the Qilin-Med scripts: `{ conversations: [{ from: 'input' | 'output', value }] }`. */
export const writeQilinSft = (path: string, records: Records<Conversation>): Promise<number> =>
  writePieces(
    path,
    lines(records, ({ messages }) => JSON.stringify({ conversations: toQilinTurns(messages) })),
  )

/** `dpo.json` of the Qilin-Med scripts: an object a line with `question`, `response_chosen`, `response_rejected`. */
export const writeQilinDpo = (path: string, records: Records<PreferencePair>): Promise<number> =>
  writePieces(
    path,
    lines(records, ({ prompt, chosen, rejected, history }) =>
      JSON.stringify({
        question: [...(history ?? []).map(({ content }) => content), prompt].join('\n'),
        response_chosen: chosen,
        response_rejected: rejected,
      }),
    ),
  )

/** TRL's language-modelling format as JSONL: `{ text }`, with `source` beside it. */
export const writeTextJsonl = (path: string, records: Records<CptText>): Promise<number> =>
  writePieces(
    path,
    lines(records, ({ text, origin }) => JSON.stringify({ text, ...sourceOf(origin) })),
  )

/** TRL's conversational format as JSONL: `{ messages }`, with `source` beside it. */
export const writeMessagesJsonl = (path: string, records: Records<Conversation>): Promise<number> =>
  writePieces(
    path,
    lines(records, ({ messages, origin }) => JSON.stringify({ messages, ...sourceOf(origin) })),
  )

/** TRL's preference format as JSONL: messages when there are earlier turns, text otherwise. */
export const writePreferenceJsonl = (path: string, records: Records<PreferencePair>): Promise<number> =>
  writePieces(
    path,
    lines(records, ({ prompt, chosen, rejected, history, origin }) =>
      JSON.stringify(
        history
          ? {
              prompt: [...history, { role: 'user', content: prompt }],
              chosen: [{ role: 'assistant', content: chosen }],
              rejected: [{ role: 'assistant', content: rejected }],
              ...sourceOf(origin),
            }
          : { prompt, chosen, rejected, ...sourceOf(origin) },
      ),
    ),
  )

/**
 * TRL's prompt-completion format as JSONL: `completion` is the last answer, `prompt` what comes before it; text for a single question, messages
 * otherwise. The loss then falls on the last answer only.
 */
export const writePromptCompletionJsonl = (path: string, records: Records<Conversation>): Promise<number> =>
  writePieces(
    path,
    lines(records, ({ messages, origin }) => {
      const prompt = messages.slice(0, -1)
      const completion = messages.slice(-1)
      const single = prompt.length === 1 && prompt[0]!.role === 'user'
      return JSON.stringify(
        single
          ? { prompt: prompt[0]!.content, completion: completion[0]!.content, ...sourceOf(origin) }
          : { prompt, completion, ...sourceOf(origin) },
      )
    }),
  )

/** TRL's unpaired preference format (for KTO) as JSONL: two rows a pair, `label` true for the chosen answer. Returns the number of pairs. */
export const writeUnpairedJsonl = (path: string, records: Records<PreferencePair>): Promise<number> =>
  writePieces(
    path,
    lines(records, ({ prompt, chosen, rejected, history, origin }) => {
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
    }),
  )

const sourceOf = (origin: { readonly source: string } | undefined): object => (origin ? { source: origin.source } : {})

async function* lines<T>(records: Records<T>, line: (record: T) => string): AsyncGenerator<string> {
  for await (const record of records) yield `${line(record)}\n`
}
