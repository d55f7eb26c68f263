import { bootstrapMean } from '../../statistics/bootstrap'
import { mcnemarOf } from '../../statistics/mcnemar'
import { questionsNeeded } from '../../statistics/power'
import { type Measure, measureOf, type TaskResult } from '../result'

/** Two models on the questions that both have a result for. */
export interface Comparison {
  readonly first: string
  readonly second: string
  /** Accuracy of the second less that of the first, with the interval of the paired bootstrap. */
  readonly difference: Measure
  /** Questions that only one of them got right. */
  readonly onlyFirst: number
  readonly onlySecond: number
  /** Of McNemar's exact test. */
  readonly pValue: number
  /** About how many such questions it takes to see this difference (power 0.8, level 0.05); undefined without a difference. */
  readonly questionsNeeded: number | undefined
}

/** A task's result and the model it belongs to. */
export interface ModelTask {
  readonly model: string
  readonly entry: TaskResult
}

/** Every further model compared with the first, where a task has right and wrong answers. */
export function comparisons([first, ...others]: readonly ModelTask[]): Comparison[] {
  if (first === undefined) return []
  const right = new Map(first.entry.rows.map(({ id, correct }) => [id, correct]))
  return others.flatMap(({ model, entry }): Comparison[] => {
    const both = entry.rows.filter(({ id, correct }) => correct !== undefined && right.get(id) !== undefined)
    if (both.length === 0) return []
    const [before, after] = [both.map(({ id }) => right.get(id)!), both.map(({ correct }) => correct!)]
    const { onlyFirst, onlySecond, pValue } = mcnemarOf(before, after)
    const gains = after.map((hit, i) => Number(hit) - Number(before[i]!))
    const difference = measureOf(bootstrapMean(gains), both.length)
    const needed =
      onlyFirst === onlySecond
        ? undefined
        : questionsNeeded({
            accuracy: before.filter(Boolean).length / both.length,
            difference: (onlySecond - onlyFirst) / both.length,
            discordance: (onlyFirst + onlySecond) / both.length,
          })
    const counts = { onlyFirst, onlySecond, pValue, questionsNeeded: needed }
    return [{ first: first.model, second: model, difference, ...counts }]
  })
}

/** A comparison in one sentence, such as `tuned − base: +3.0 points [1.0, 5.0] on 200 questions, …`. */
export function comparisonText(comparison: Comparison): string {
  const { first, second, difference, onlyFirst, onlySecond, pValue } = comparison
  const points = (value: number): string => `${value > 0 ? '+' : ''}${(100 * value).toFixed(1)}`
  const [low, high] = difference.ci95!
  const counts = `${onlySecond} right only by ${second}, ${onlyFirst} only by ${first}`
  const p = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`
  const needed =
    pValue < 0.05 || comparison.questionsNeeded === undefined
      ? ''
      : `; about ${comparison.questionsNeeded} questions would show it`
  return `${second} − ${first}: ${points(difference.value)} points [${points(low)}, ${points(high)}] on ${difference.n} questions (${counts}; McNemar ${p}${needed})`
}
