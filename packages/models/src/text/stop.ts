/** Text up to the first of the stop texts. */
export const cutAt = (text: string, stops: readonly string[]): string => {
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  return ends.length > 0 ? text.slice(0, Math.min(...ends)) : text
}

/** Text that arrives in pieces, cut at the first of some stop texts. */
export interface StopCutter {
  /** What is certain to come before any stop text. */
  push(piece: string): string
  /** True once a stop text arrived. */
  readonly stopped: boolean
  /** What was held back, when no stop text came after all. */
  end(): string
}

/** A cutter that holds back only what may be the beginning of a stop text. */
export const stopCutter = (stops: readonly string[]): StopCutter => {
  let held = ''
  let stopped = false
  return {
    get stopped() {
      return stopped
    },
    push(piece) {
      if (stopped) return ''
      held += piece
      const cut = cutAt(held, stops)
      stopped = cut.length < held.length
      const certain = stopped ? cut : held.slice(0, held.length - openEnd(held, stops))
      held = stopped ? '' : held.slice(certain.length)
      return certain
    },
    end() {
      const rest = held
      held = ''
      return rest
    },
  }
}

/** Length of the longest end of `text` with which a stop text begins. */
const openEnd = (text: string, stops: readonly string[]): number =>
  Math.max(
    0,
    ...stops.map((stop) => Array.from(stop, (_, i) => i).findLast((n) => text.endsWith(stop.slice(0, n))) ?? 0),
  )
