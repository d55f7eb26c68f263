import { MetricsError } from '../errors'
import { type AnswerOptions, answerRequests } from './answer'
import { type AnswerCache, fileCache } from './cache'
import type { EvaluatedModel } from './model'
import type { EvaluationResult, SummaryOptions, Task, TaskResult } from './result'

/** What `evaluate` reports while it runs. */
export interface EvaluationProgress {
  readonly task: string
  /** Requests answered so far, of `total`; `cached` of them were known before. */
  readonly done: number
  readonly total: number
  readonly cached: number
}

/** What to evaluate, and how. */
export interface EvaluateOptions extends Omit<AnswerOptions, 'cache' | 'onProgress'> {
  readonly model: EvaluatedModel
  readonly tasks: readonly Task[]
  /** A folder, or a cache of your own; with it a run that was stopped goes on where it was. */
  readonly cache?: string | AnswerCache
  /** Draws of the bootstrap intervals. */
  readonly bootstrap?: SummaryOptions
  readonly onProgress?: (progress: EvaluationProgress) => void
}

/**
 * The results of a model on benchmarks: every measure with its interval and number of rows, every row with what the model
 * wrote. Failed requests are retried a bounded number of times and then reported as failed; they never count as wrong.
 *
 * @throws MetricsError `option` without tasks, `data` for unreadable data, `model` when the model lacks what a task needs,
 *   `cancelled` when the signal aborts
 */
export async function evaluate({
  model,
  tasks,
  cache,
  bootstrap = {},
  onProgress,
  ...rest
}: EvaluateOptions): Promise<EvaluationResult> {
  if (tasks.length === 0)
    throw new MetricsError(
      'option',
      'evaluate: expected at least one task, got none. Pass for example cmexam({ data }).',
      {
        operation: 'evaluate',
      },
    )
  const store = typeof cache === 'string' ? await fileCache(cache) : cache
  const results: TaskResult[] = []
  for (const task of tasks) {
    const { requests, summarize } = await task.prepare()
    const answers = await answerRequests(model, requests, {
      ...rest,
      ...(store && { cache: store }),
      onProgress: (done, total, cached) => onProgress?.({ task: task.name, done, total, cached }),
    })
    results.push(await summarize(answers, bootstrap))
  }
  return { model: model.name, tasks: results }
}
