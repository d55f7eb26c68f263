import { createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'
import { ChimedError } from '../errors'

/** A file under way: it has its name only after `close`. */
export interface FileWriter {
  write(chunk: string | Uint8Array): Promise<void>
  /** Puts the file in its place. */
  close(): Promise<void>
  /** Leaves nothing behind. */
  abort(): Promise<void>
}

/** How much is held before it goes to the disk. */
const flushBytes = 1 << 18

/**
 * Writes to a temporary name beside `path` and renames at the end, so that the file is complete or absent.
 *
 * @throws ChimedError `file-write` when the folder cannot be written or is full
 */
export function fileWriter(path: string): FileWriter {
  const temporary = `${path}.${process.pid}.part`
  try {
    mkdirSync(dirname(path), { recursive: true })
  } catch (cause) {
    throw unwritable(path, cause)
  }
  const stream = createWriteStream(temporary)
  let failed: unknown
  stream.on('error', (error) => {
    failed = error
  })
  let held: string[] = []
  let heldBytes = 0

  async function send(chunk: string | Uint8Array): Promise<void> {
    if (failed) throw unwritable(path, failed)
    if (!stream.write(chunk)) await drained(stream)
    if (failed) throw unwritable(path, failed)
  }

  async function flush(): Promise<void> {
    if (heldBytes === 0) return
    const text = held.join('')
    held = []
    heldBytes = 0
    await send(text)
  }

  return {
    write: async (chunk) => {
      if (typeof chunk !== 'string') {
        await flush()
        return send(chunk)
      }
      held.push(chunk)
      heldBytes += chunk.length
      if (heldBytes >= flushBytes) await flush()
    },
    close: async () => {
      try {
        await flush()
        stream.end()
        await finished(stream)
        renameSync(temporary, path)
      } catch (cause) {
        rmSync(temporary, { force: true })
        throw unwritable(path, cause)
      }
    },
    abort: async () => {
      stream.destroy()
      await finished(stream).catch(() => {})
      rmSync(temporary, { force: true })
    },
  }
}

/** Writes a whole text file at once, by the same rule. */
export async function writeFileWhole(path: string, text: string): Promise<void> {
  const file = fileWriter(path)
  await file.write(text)
  await file.close()
}

/** Writes what `pieces` yields; nothing is left behind when they fail. Returns the number of pieces. */
export async function writePieces(path: string, pieces: Iterable<string> | AsyncIterable<string>): Promise<number> {
  const file = fileWriter(path)
  let count = 0
  try {
    for await (const piece of pieces) {
      await file.write(piece)
      count++
    }
  } catch (error) {
    await file.abort()
    throw error
  }
  await file.close()
  return count
}

const drained = (stream: NodeJS.WritableStream): Promise<void> =>
  new Promise((resolve) => {
    const events = ['drain', 'error', 'close']
    const done = (): void => {
      for (const event of events) stream.off(event, done)
      resolve()
    }
    for (const event of events) stream.on(event, done)
  })

/** The error of a file that cannot be written. */
export const unwritable = (path: string, cause: unknown): ChimedError =>
  cause instanceof ChimedError
    ? cause
    : new ChimedError(
        'file-write',
        `fileWriter: expected a folder that can be written, got "${(cause as Error).message}" for ${path}. Check rights and free space.`,
        { path, cause },
      )
