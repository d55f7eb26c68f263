import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { RagError } from '../errors'

/**
 * Writes `bytes` to `path`: under another name in the same folder first, flushed to disk, then renamed, so that the file
 * is whole, old or new, at every moment. The folder is made when it is missing.
 *
 * @throws RagError (`file`) when that is impossible; the old file is then untouched
 */
export async function writeWhole(operation: string, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.partial`)
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFlushed(temporary, bytes)
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw fileError(operation, 'a writable place', path, cause)
  }
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The error for a file that could not be read or written. */
export const fileError = (operation: string, expected: string, path: string, cause: unknown): RagError =>
  new RagError(
    'file',
    `${operation}: expected ${expected} at ${path}, got ${(cause as Error).message}. Check the path, its rights and the space left.`,
    { operation, path, cause },
  )
