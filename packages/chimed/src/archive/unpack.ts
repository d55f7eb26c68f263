import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { ChimedError } from '../errors'
import { fileWriter } from '../write/file'
import { type ArchiveEntry, unsupportedArchive } from './entry'
import { tarEntries } from './tar'
import { zipEntries } from './zip'

/** Options of `unpack`. */
export interface UnpackOptions {
  /** Folder for what is in the archive; must not be there yet, or be empty. */
  readonly into: string
  /** Which files, by their names in the archive; all when absent. */
  readonly files?: ((name: string) => boolean) | undefined
  /** More bytes than this are refused, so that a small archive cannot fill the disk (default 64 GiB). */
  readonly maxBytes?: number | undefined
}

/** What `unpack` did. */
export interface Unpacked {
  readonly folder: string
  /** Files written, relative to the folder, sorted. */
  readonly files: readonly string[]
  readonly bytes: number
  /** What was left out: links inside the folder (their files are there under their own names), devices, files not asked for. */
  readonly leftOut: Readonly<Record<'link' | 'device' | 'not-selected', number>>
}

/** True for names of archives that `unpack` reads. */
export const isArchive = (path: string): boolean => /\.(zip|tar|tgz|tar\.gz|tar\.zst)$/i.test(path)

/**
 * Unpacks a zip, tar, tar.gz or tar.zst archive, known by its first bytes. The folder is complete or absent: entries go to a temporary one that takes
 * its name at the end.
 *
 * @throws ChimedError `path-escape` for an absolute name, one with `..`, a link out of the folder or in a circle; `file-truncated`, `file-format`,
 * `file-missing`, `option` (the folder is not empty, or there is more than `maxBytes`), `file-write`
 */
export async function unpack(
  archive: string,
  { into, files = () => true, maxBytes = 2 ** 36 }: UnpackOptions,
): Promise<Unpacked> {
  if (existsSync(into) && (!statSync(into).isDirectory() || readdirSync(into).length > 0))
    throw new ChimedError(
      'option',
      `unpack: expected a new or empty folder, got ${into} with something in it. Choose another.`,
      { path: into },
    )
  const temporary = `${into}.${process.pid}.part`
  const links = new Map<string, string>()
  const written = new Set<string>()
  const leftOut = { link: 0, device: 0, 'not-selected': 0 }
  let bytes = 0
  try {
    for await (const entry of entriesOf(archive)) {
      const name = insideName(entry.name, archive)
      if (entry.kind === 'link') links.set(name, linkTarget(entry, name, archive))
      if (entry.kind === 'link') leftOut.link++
      if (entry.kind === 'other') leftOut.device++
      if (entry.kind !== 'file') continue
      if (!files(name)) {
        leftOut['not-selected']++
        continue
      }
      bytes += await writeEntry(entry, join(temporary, name), { archive, left: maxBytes - bytes })
      written.add(name)
    }
    requireNoCircle(links, archive)
    mkdirSync(temporary, { recursive: true })
    rmSync(into, { recursive: true, force: true })
    renameSync(temporary, into)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw error
  }
  return { folder: into, files: [...written].sort(), bytes, leftOut }
}

async function* entriesOf(archive: string): AsyncGenerator<ArchiveEntry> {
  const found = statSync(archive, { throwIfNoEntry: false })
  if (!found?.isFile())
    throw new ChimedError('file-missing', `unpack: expected an archive, got no file at ${archive}. Check the path.`, {
      path: archive,
    })
  if (found.size === 0)
    throw new ChimedError('file-empty', `unpack: expected an archive, got an empty file ${archive}. Fetch it again.`, {
      path: archive,
    })
  const magic = await firstBytes(archive)
  if (magic.subarray(0, 2).toString('latin1') === 'PK') yield* zipEntries(archive)
  else if (found.size < 512 && magic[0] !== 0x1f && magic[0] !== 0x28)
    throw unsupportedArchive(archive, 'another format')
  else yield* tarEntries(archive)
}

async function firstBytes(path: string): Promise<Buffer> {
  for await (const chunk of createReadStream(path, { end: 3 })) return chunk as Buffer
  return Buffer.alloc(0)
}

/** The name of an entry as a path inside the folder, on every system. */
function insideName(name: string, archive: string): string {
  const parts = name.replaceAll('\\', '/').split('/')
  if (parts[0] === '' || parts.includes('..') || /^[a-z]:/i.test(name) || name.includes('\0'))
    throw escapes(archive, `the name "${name}"`)
  const inside = parts.filter((part) => part !== '' && part !== '.').join('/')
  return inside
}

/** Where a link leads, as a path inside the folder. */
function linkTarget({ target = '', hard = false }: ArchiveEntry, name: string, archive: string): string {
  const path = posix.normalize(hard ? target : posix.join(posix.dirname(name), target.replaceAll('\\', '/')))
  if (target.startsWith('/') || /^[a-z]:/i.test(target) || path === '..' || path.startsWith('../'))
    throw escapes(archive, `the link "${name}" to "${target}"`)
  return path
}

function requireNoCircle(links: ReadonlyMap<string, string>, archive: string): void {
  for (const start of links.keys()) {
    const seen = new Set<string>()
    for (let at: string | undefined = start; at !== undefined; at = links.get(at)) {
      if (seen.has(at)) throw escapes(archive, `the link "${start}" in a circle`)
      seen.add(at)
    }
  }
}

async function writeEntry(
  entry: ArchiveEntry,
  path: string,
  { archive, left }: { readonly archive: string; readonly left: number },
): Promise<number> {
  mkdirSync(dirname(path), { recursive: true })
  const file = fileWriter(path)
  let bytes = 0
  try {
    for await (const chunk of entry.content()) {
      bytes += chunk.length
      if (bytes > left)
        throw new ChimedError(
          'option',
          `unpack: expected less than maxBytes, got more at "${entry.name}" of ${archive}. Raise maxBytes if you trust it.`,
          {
            path: archive,
          },
        )
      await file.write(chunk)
    }
  } catch (error) {
    await file.abort()
    throw error
  }
  await file.close()
  return bytes
}

const escapes = (archive: string, what: string): ChimedError =>
  new ChimedError(
    'path-escape',
    `unpack: expected names and links inside the folder, got ${what} in ${archive}. Do not use this archive.`,
    { path: archive },
  )
