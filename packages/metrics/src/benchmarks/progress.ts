import type { EvaluationProgress } from './evaluate'

/** What a progress line needs: where its text goes, and a clock in milliseconds. */
export interface ProgressSurroundings {
  /** Receives the line; one that begins with `\r` replaces the one before. */
  tell(text: string): void
  now(): number
}

/** An `onProgress` for `evaluate` that shows each task as one line: a bar, counts, and the time left. */
export function progressLine(
  model: string,
  { tell, now }: ProgressSurroundings,
): (progress: EvaluationProgress) => void {
  let started = now()
  let task = ''
  return (progress) => {
    if (progress.task !== task) {
      if (task !== '') tell('\n')
      task = progress.task
      started = now()
    }
    const { done, total, cached } = progress
    const asked = done - cached
    const left = asked > 0 ? ((now() - started) / asked) * (total - done) : Number.NaN
    const filled = total === 0 ? 20 : Math.round((20 * done) / total)
    const time = Number.isNaN(left) ? '' : `, ${Math.round(left / 1000)} s left`
    tell(
      `\r${model} ${task} [${'#'.repeat(filled)}${'.'.repeat(20 - filled)}] ${done}/${total} (${cached} known${time})   `,
    )
  }
}
