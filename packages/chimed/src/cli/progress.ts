import type { Progress } from '../types'
import type { CommandSurroundings } from './command'

/** Milliseconds between two lines where lines cannot be replaced. */
const quietTime = 10_000

/** Shows stages as a line that is rewritten, or as a line now and then where output goes to a file. */
export function progressLine({ tell, terminal, now }: CommandSurroundings): {
  readonly show: (progress: Progress) => void
  /** Ends the line. */
  readonly end: () => void
} {
  let stage = ''
  let started = now()
  let told = Number.NEGATIVE_INFINITY
  return {
    show: ({ stage: name, done, total, unit }) => {
      const fresh = name !== stage
      if (fresh) {
        if (terminal && stage !== '') tell('\n')
        stage = name
        started = now()
      }
      const whole = total !== undefined && done >= total
      if (!terminal && !fresh && !whole && now() - told < quietTime) return
      told = now()
      const share = total ? Math.min(1, done / total) : 0
      const left = done > 0 && total ? ((now() - started) / done) * (total - done) : Number.NaN
      const bar = total === undefined ? '' : `[${'#'.repeat(Math.round(20 * share)).padEnd(20, '.')}] `
      const time = Number.isNaN(left) || left < 1000 ? '' : `, ${Math.round(left / 1000)} s left`
      const text = `${name.padEnd(36)} ${bar}${done}${total === undefined ? '' : `/${total}`} ${unit}${time}`
      tell(terminal ? `\r${text}   ` : `${text}\n`)
    },
    end: () => {
      if (terminal && stage !== '') tell('\n')
    },
  }
}
