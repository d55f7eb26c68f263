import { readRows } from '../read/rows'
import type { Message, PreferencePair } from '../types'
import { roleOf } from './conversation'
import { firstOf, text } from './fields'
import { type Converted, type Drop, defineSource, drop, type Source, type SourceOptions } from './source'

/** Options of sources with ranked answers. */
export interface RankedOptions extends SourceOptions {
  /** Which pairs of answers are taken: the best with the worst (default), neighbours in rank, or all. */
  readonly pairs?: 'best-worst' | 'adjacent' | 'all' | undefined
  /** Smallest difference of score between chosen and rejected (default 1); ties never make a pair. */
  readonly minGap?: number | undefined
}

/** MedicalGPT's reward data: `question`, `response_chosen`, `response_rejected`, and its later layout `conversations`, `chosen`, `rejected`. */
export const medicalgptReward = (path: string, options: SourceOptions = {}): Source<PreferencePair> =>
  preferenceSource('MedicalGPT', path, options)

/** Zhongjing_rlhf: ranked answers to one query, or ready triples. */
export const zhongjingRlhf = (path: string, options: RankedOptions = {}): Source<PreferencePair> =>
  preferenceSource('Zhongjing_rlhf', path, options)

function preferenceSource(
  name: string,
  path: string,
  { pairs = 'best-worst', minGap = 1, ...options }: RankedOptions,
): Source<PreferencePair> {
  return defineSource<Record<string, unknown>, PreferencePair>(
    {
      name,
      path,
      pattern: /\.(jsonl?|parquet|csv)$/i,
      options: { pairs, minGap },
      rows: readRows,
      convert: ({ value }) => preferencesOf(value, { pairs, minGap }),
    },
    options,
  )
}

/** Preference pairs of a record in any public layout. */
export function preferencesOf(
  record: Readonly<Record<string, unknown>>,
  { pairs = 'best-worst', minGap = 1 }: Pick<RankedOptions, 'pairs' | 'minGap'> = {},
): Converted<PreferencePair> | Converted<PreferencePair>[] {
  const ranked = rankedAnswers(record)
  if (ranked)
    return rankedPairs(
      firstOf(record, 'first_query', 'query', 'question', 'prompt', 'instruction'),
      ranked,
      pairs,
      minGap,
    )
  const turns = promptTurns(record)
  if ('drop' in turns) return turns
  return pair(
    turns,
    answer(record.response_chosen ?? record.chosen),
    answer(record.response_rejected ?? record.rejected),
  )
}

interface RankedAnswer {
  readonly answer: string
  readonly score: number
}

/** Answers with a score, highest first: by the total of a judge, by `score`, or by their place in a list that is ordered best first. */
function rankedAnswers(record: Readonly<Record<string, unknown>>): RankedAnswer[] | undefined {
  const list = record.candidates ?? record.responses ?? record.answers ?? record.ranked ?? record.output
  if (!Array.isArray(list)) return undefined
  const scored = (list as unknown[]).map((item, index) => {
    if (typeof item === 'string') return { answer: item.trim(), score: list.length - index }
    const candidate = item as Record<string, unknown>
    const rank =
      candidate.total ?? candidate.score ?? (typeof candidate.rank === 'number' ? -candidate.rank : list.length - index)
    return { answer: firstAnswer(candidate), score: Number(rank) }
  })
  return scored.filter(({ answer: found }) => found !== '').sort((a, b) => b.score - a.score)
}

/** Candidates share only the first question, so only the first answer can be compared. */
function firstAnswer(candidate: Record<string, unknown>): string {
  if (!Array.isArray(candidate.conversation))
    return firstOf(candidate, 'answer', 'response', 'output', 'text', 'content')
  const turns = candidate.conversation as Record<string, unknown>[]
  return text(turns.find((turn) => roleOf(turn.role ?? turn.from) === 'assistant')?.content)
}

function rankedPairs(
  prompt: string,
  ranked: readonly RankedAnswer[],
  which: RankedOptions['pairs'],
  minGap: number,
): Converted<PreferencePair>[] {
  if (prompt === '') return [drop('missing-question', 'no question')]
  const indices: [number, number][] = []
  for (let i = 0; i < ranked.length; i++) {
    for (let j = i + 1; j < ranked.length; j++) {
      if (which === 'all' || (which === 'adjacent' ? j === i + 1 : i === 0 && j === ranked.length - 1))
        indices.push([i, j])
    }
  }
  const wide = indices.filter(([i, j]) => ranked[i]!.score - ranked[j]!.score >= Math.max(minGap, Number.EPSILON))
  if (wide.length === 0) return [drop('tie', `no two answers differ by ${minGap} or more`)]
  return wide.map(([i, j]) => pair([{ role: 'user', content: prompt }], ranked[i]!.answer, ranked[j]!.answer))
}

function promptTurns(record: Readonly<Record<string, unknown>>): Message[] | Drop {
  const list =
    record.conversations ?? (Array.isArray(record.prompt) ? record.prompt : sharedTurns(record.chosen, record.rejected))
  if (!Array.isArray(list)) {
    const system = text(record.system)
    return [
      ...(system ? [{ role: 'system' as const, content: system }] : []),
      { role: 'user', content: firstOf(record, 'question', 'prompt', 'instruction', 'query') },
    ]
  }
  const turns: Message[] = []
  for (const item of list as Record<string, unknown>[]) {
    const role = roleOf(item.from ?? item.role)
    if (!role) return drop('unknown-role', `role ${JSON.stringify(item.from ?? item.role)}`)
    turns.push({ role, content: text(item.value ?? item.content) })
  }
  return turns
}

/** TRL's implicit prompt: whole conversations that part at the last message. Undefined where they are none. */
function sharedTurns(chosen: unknown, rejected: unknown): unknown[] | undefined {
  if (!Array.isArray(chosen) || !Array.isArray(rejected) || chosen.length < 2) return undefined
  const parts = chosen.findIndex((turn, index) => JSON.stringify(turn) !== JSON.stringify(rejected[index]))
  return parts < 0 ? chosen.slice(0, -1) : chosen.slice(0, parts)
}

const answer = (value: unknown): string =>
  Array.isArray(value)
    ? text((value.at(-1) as Record<string, unknown> | undefined)?.content ?? value.at(-1))
    : typeof value === 'object' && value !== null
      ? text((value as Record<string, unknown>).value ?? (value as Record<string, unknown>).content)
      : text(value)

function pair(turns: readonly Message[], chosen: string, rejected: string): Converted<PreferencePair> {
  const prompt = turns.at(-1)
  if (prompt?.role !== 'user' || prompt.content === '')
    return drop('missing-question', 'the prompt does not end with a question')
  if (chosen === '' || rejected === '')
    return drop('missing-answer', `no ${chosen === '' ? 'chosen' : 'rejected'} answer`)
  if (chosen === rejected) return drop('tie', 'chosen and rejected are the same')
  const history = turns.slice(0, -1)
  return { record: { prompt: prompt.content, chosen, rejected, ...(history.length > 0 && { history }) } }
}
