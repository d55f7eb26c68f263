import type { TrainEvent } from '../loop/events'
import { logFile } from './log-file'
import type { Reporter } from './reporter'

/**
 * A reporter that writes each event as one line of JSON. A new run starts the file anew; a resumed one goes on with it:
 * lines of steps after its checkpoint are taken back first, so every step is in it once. The history is not repeated.
 *
 * @throws TrainError `report-write` from the reporter when the file cannot be written
 */
export const jsonl = (path: string): Reporter => {
  const file = logFile(path)
  return async (event) => {
    if (event.type === 'run-start') await file.rewind((line) => event.step > 0 && stepOf(line) <= event.step)
    await file.append(
      JSON.stringify(event.type === 'run-start' ? { ...event, history: undefined, evaluations: undefined } : event),
    )
  }
}

/** Step of a line; lines that are no event of a step count as past. */
const stepOf = (line: string): number => {
  try {
    return (JSON.parse(line) as { step?: number } & Pick<TrainEvent, 'type'>).step ?? 0
  } catch {
    return Number.POSITIVE_INFINITY // not written by a run
  }
}
