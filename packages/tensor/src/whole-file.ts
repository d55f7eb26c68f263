import { type FileHandle, open, rename, rm } from 'node:fs/promises'

/**
 * Writes a file in pieces. It appears under its name only when it is complete and on disk; where `write` fails, what
 * stood there before stays, and nothing else is left behind.
 */
export const writeWholeFile = async (
  path: string,
  write: (append: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> => {
  const partial = `${path}.partial`
  try {
    const handle = await open(partial, 'w')
    try {
      await write((bytes) => appendTo(handle, bytes))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(partial, path)
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined)
    throw cause
  }
}

/** One call writes at most 2 GiB. */
const largestWrite = 1 << 30

const appendTo = async (handle: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, largestWrite))
    done += bytesWritten
  }
}

/** True for an error of the operating system, such as a missing folder or a full disk. */
export const isSystemError = (cause: unknown): cause is NodeJS.ErrnoException =>
  cause instanceof Error && typeof (cause as NodeJS.ErrnoException).errno === 'number'
