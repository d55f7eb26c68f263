import { ChimedError } from '../errors'

/** One thing in an archive, as it is met. */
export interface ArchiveEntry {
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  /** Its name, `/` between folders, as the archive has it. */
  readonly name: string
  /** Where a link leads, relative to its own folder (symbolic) or to the archive (hard, then with `hard`). */
  readonly target?: string | undefined
  readonly hard?: boolean | undefined
  /** The bytes of a file; must be read to the end, or not at all, before the next entry is asked for. */
  content(): AsyncIterable<Uint8Array>
}

/** An entry that has no bytes. */
export async function* noContent(): AsyncGenerator<Uint8Array> {}

/** The error of an archive that is cut off or damaged. */
export const damagedArchive = (path: string, reason: string, cause?: unknown): ChimedError =>
  new ChimedError(
    'file-truncated',
    `unpack: expected a whole archive, got one that ends early or is damaged (${reason}) at ${path}. Fetch it again.`,
    { path, cause },
  )

/** The error of an archive of a kind that is not read. */
export const unsupportedArchive = (path: string, what: string): ChimedError =>
  new ChimedError(
    'file-format',
    `unpack: expected zip (stored or deflated, without a password), tar, tar.gz or tar.zst, got ${what} at ${path}. Unpack it with another program.`,
    { path },
  )
