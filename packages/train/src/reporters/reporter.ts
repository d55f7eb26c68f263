import { TrainError } from '../errors'
import type { TrainEvent } from '../loop/events'

/** Takes the events of a run, in order: `for await (const event of run) await report(event)`. */
export type Reporter = (event: TrainEvent) => void | Promise<void>

/** A reporter that hands every event to each of the given ones, one after the other. */
export const reportTo =
  (...reporters: readonly Reporter[]): Reporter =>
  async (event) => {
    for (const reporter of reporters) await reporter(event)
  }

/** Runs a write. @throws TrainError `report-write` naming the file when it fails */
export const writing = async <T>(path: string, write: () => Promise<T>): Promise<T> => {
  try {
    return await write()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? cause
    throw new TrainError(
      'report-write',
      `report: ${path}: expected a writable file, got ${code}. Check the folder, its permissions and free space.`,
      { path, cause },
    )
  }
}
