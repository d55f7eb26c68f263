import { basename } from 'node:path'
import { preferenceAccuracy } from '../../classification/preference'
import { type Dropped, dropLog, readRows } from '../read-rows'
import { measureOf, type PreparedTask, type RowResult, type Task } from '../result'

/** A prompt with a better and a worse answer. */
export interface PreferencePair {
  readonly id: string
  readonly prompt: string
  readonly chosen: string
  readonly rejected: string
}

/** Options of the preference benchmark. */
export interface PreferencesOptions {
  /** A file, or pairs already read. */
  readonly data: string | readonly PreferencePair[]
  /** How a prompt is put; `问：…\n答：` by default. */
  readonly prompt?: (question: string) => string
  readonly limit?: number
}

/**
 * Preference accuracy: share of pairs whose chosen answer has the higher mean log-probability per token. The prompt is computed once
 * for both answers.
 */
export function preferences(options: PreferencesOptions): Task {
  const { data, prompt = (question: string) => `问：${question}\n答：`, limit } = options
  return {
    name: 'preferences',
    async prepare(): Promise<PreparedTask> {
      const { pairs, dropped } =
        typeof data === 'string' ? await readPreferences(data) : { pairs: data, dropped: [] as Dropped[] }
      const asked = pairs.slice(0, limit)
      return {
        requests: asked.map((pair) => ({
          kind: 'score',
          id: `preferences/${pair.id}`,
          prompt: prompt(pair.prompt),
          continuations: [pair.chosen, pair.rejected],
        })),
        summarize(answers, draws) {
          const rows = asked.map((pair, i): RowResult => {
            const answer = answers[i]!
            const shared = { id: pair.id, question: pair.prompt, gold: pair.chosen }
            if (!('scores' in answer))
              return { ...shared, outputs: [pair.rejected], error: 'error' in answer ? answer.error : 'no scores' }
            const [chosen, rejected] = answer.scores.map(({ logProb, tokens }) => logProb / Math.max(1, tokens)) as [
              number,
              number,
            ]
            return { ...shared, outputs: [pair.rejected], values: { chosen, rejected }, correct: chosen > rejected }
          })
          const scored = rows.filter((row) => row.values !== undefined)
          const accuracy =
            scored.length === 0
              ? undefined
              : preferenceAccuracy(
                  scored.map((row) => row.values!.chosen!),
                  scored.map((row) => row.values!.rejected!),
                  draws,
                )
          return {
            task: 'preferences',
            title: 'Preference accuracy',
            settings: { data: typeof data === 'string' ? basename(data) : 'given pairs' },
            measures: { ...(accuracy && { preferenceAccuracy: measureOf(accuracy, accuracy.n) }) },
            groups: {},
            rows,
            failed: rows.length - scored.length,
            dropped,
          }
        },
      }
    },
  }
}

/**
 * Preference pairs of a file with `prompt` or `question`, and `chosen` and `rejected` (also as `response_chosen`, `response_rejected`).
 * Rows that lack one, and pairs of equal answers, are left out and reported.
 *
 * @throws MetricsError `data` for a file that cannot be read
 */
export async function readPreferences(path: string): Promise<{ pairs: PreferencePair[]; dropped: Dropped[] }> {
  const log = dropLog()
  const pairs: PreferencePair[] = []
  for (const { line, values } of await readRows(path)) {
    const text = (...keys: string[]): string => {
      const value = keys.map((key) => values[key]).find((candidate) => typeof candidate === 'string')
      return typeof value === 'string' ? value.trim() : ''
    }
    const prompt = text('prompt', 'question', 'instruction')
    const chosen = text('chosen', 'response_chosen')
    const rejected = text('rejected', 'response_rejected')
    if (prompt === '' || chosen === '' || rejected === '') log.drop('prompt or answer missing', `line ${line}`)
    else if (chosen === rejected) log.drop('equal answers', `line ${line}`)
    else pairs.push({ id: String(line), prompt, chosen, rejected })
  }
  return { pairs, dropped: log.list() }
}
