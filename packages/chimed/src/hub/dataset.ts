import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { ListFileEntry } from '@huggingface/hub'
import { ChimedError } from '../errors'
import type { Progress } from '../types'
import { writeFileWhole } from '../write/file'
import { type ContentDigest, type DownloadOptions, download } from './download'

/** Options of `hubDataset`. */
export interface HubOptions extends Pick<DownloadOptions, 'token' | 'attempts' | 'wait' | 'fetch' | 'signal'> {
  /** The cache of Hugging Face, shared with Python: usually `~/.cache/huggingface/hub`. */
  readonly cacheDir: string
  /** Folders that may hold the data set already, as `<folder>/<owner>/<name>` or `<folder>/<name>`; looked at first, without the network. */
  readonly local?: readonly string[] | undefined
  /** Branch, tag or commit (default `main`). */
  readonly revision?: string | undefined
  /** Which files; all when absent. */
  readonly files?: ((path: string) => boolean) | undefined
  /** Takes what the cache has and never asks the network (default false). */
  readonly offline?: boolean | undefined
  /** Downloads at a time (default 4). */
  readonly concurrency?: number | undefined
  /** Where the hub is (default `https://huggingface.co`). */
  readonly hubUrl?: string | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** A data set on this machine. */
export interface HubDataset {
  /** Pass this to a source. */
  readonly folder: string
  /** Files below it, sorted, with `/`. */
  readonly files: readonly string[]
  readonly from: 'local' | 'cache' | 'hub'
  /** Commit of a data set from the hub or the cache. */
  readonly commit: string | undefined
}

/**
 * A data set of the hub by name: from a local folder if one has it, else from the cache, whose missing files are downloaded and checked against
 * the digests of the listing. Broken downloads are resumed, also by a later call. The cache has the layout of Python's `huggingface_hub`.
 *
 * @param name  `owner/name`
 * @throws ChimedError `download` (no such data set, gated, network), `option` (a malformed name), `path-escape` (a file name that leads out of the folder)
 */
export async function hubDataset(name: string, options: HubOptions): Promise<HubDataset> {
  if (!/^[\w.-]+\/[\w.-]+$/.test(name) || name.split('/').some((part) => /^\.+$/.test(part)))
    throw new ChimedError('option', `hubDataset: expected a name like owner/name, got "${name}". Copy it from the hub.`)
  const { local = [], files = () => true, cacheDir, revision = 'main', offline = false } = options
  const found = localFolder(name, local)
  if (found) return { folder: found, files: filesOf(found).filter(files), from: 'local', commit: undefined }
  const storage = join(cacheDir, `datasets--${name.replace('/', '--')}`)
  if (offline) return cached(name, storage, revision, files)
  const commit = await asking(name, () => commitOf(name, options))
  const entries = await asking(name, () => listing(name, commit, options))
  const folder = join(storage, 'snapshots', commit)
  const wanted = entries.filter(({ path }) => files(path))
  if (wanted.length === 0) throw missing(name, `no file that was asked for among ${entries.length}`)
  const fresh = await fetchAll(name, { storage, folder, commit, wanted, options })
  if (revision !== commit) await writeFileWhole(join(storage, 'refs', revision), commit)
  return { folder, files: wanted.map(({ path }) => path).sort(), from: fresh ? 'hub' : 'cache', commit }
}

function localFolder(name: string, local: readonly string[]): string | undefined {
  return local
    .flatMap((folder) => [join(folder, name), join(folder, name.split('/')[1]!)])
    .find((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory())
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()

function cached(name: string, storage: string, revision: string, files: (path: string) => boolean): HubDataset {
  const ref = join(storage, 'refs', revision)
  const commit = existsSync(ref) ? readFileSync(ref, 'utf8').trim() : revision
  const folder = join(storage, 'snapshots', commit)
  if (!existsSync(folder)) throw missing(name, `nothing of revision ${revision} in the cache, and offline is set`)
  return { folder, files: filesOf(folder).filter(files), from: 'cache', commit }
}

async function commitOf(name: string, { revision = 'main', hubUrl, token, fetch }: HubOptions): Promise<string> {
  const { datasetInfo } = await import('@huggingface/hub')
  const { sha } = await datasetInfo({ name, revision, additionalFields: ['sha'], ...access({ hubUrl, token, fetch }) })
  if (!/^[0-9a-f]{40}$/.test(sha)) throw missing(name, `a commit "${sha}"`)
  return sha
}

async function listing(name: string, commit: string, { hubUrl, token, fetch }: HubOptions): Promise<ListFileEntry[]> {
  const { listFiles } = await import('@huggingface/hub')
  const entries: ListFileEntry[] = []
  const repo = { type: 'dataset', name } as const
  for await (const entry of listFiles({ repo, recursive: true, revision: commit, ...access({ hubUrl, token, fetch }) }))
    if (entry.type === 'file') entries.push(entry)
  for (const { path } of entries) requireInside(name, path)
  return entries
}

const access = ({ hubUrl, token, fetch }: Pick<HubOptions, 'hubUrl' | 'token' | 'fetch'>) => ({
  ...(hubUrl && { hubUrl }),
  ...(token && { accessToken: token as `hf_${string}` }),
  ...(fetch && { fetch }),
})

/** A file name from elsewhere that would be written outside the folder, on this or another system. */
function requireInside(name: string, path: string): void {
  const parts = path.split(/[\\/]/)
  if (parts.includes('..') || parts.includes('') || /^[a-z]:/i.test(path) || path.includes('\0'))
    throw new ChimedError(
      'path-escape',
      `hubDataset: expected file names inside the data set, got "${path}" in ${name}. Do not use this data set.`,
      { path },
    )
}

interface FetchAll {
  readonly storage: string
  readonly folder: string
  readonly commit: string
  readonly wanted: readonly ListFileEntry[]
  readonly options: HubOptions
}

/** Downloads what the cache lacks, several files at a time; true when anything was. */
async function fetchAll(name: string, { storage, folder, commit, wanted, options }: FetchAll): Promise<boolean> {
  const { hubUrl = 'https://huggingface.co', concurrency = 4, onProgress } = options
  const sizes = new Map(wanted.map(({ path, size }) => [path, { done: 0, size }]))
  const total = wanted.reduce((sum, { size }) => sum + size, 0)
  const tell = (path: string, done: number): void => {
    sizes.get(path)!.done = done
    const all = [...sizes.values()].reduce((sum, one) => sum + one.done, 0)
    onProgress?.({ stage: `download ${name}`, done: all, total, unit: 'bytes' })
  }
  const queue = [...wanted]
  let fresh = false
  const worker = async (): Promise<void> => {
    for (let entry = queue.shift(); entry; entry = queue.shift()) {
      const { path, size } = entry
      const digest = digestOf(name, entry)
      const blob = join(storage, 'blobs', digest.hex)
      if (!existsSync(blob)) {
        fresh = true
        const url = `${hubUrl}/datasets/${name}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`
        await download(url, blob, { ...options, size, digest, onProgress: (done) => tell(path, done) })
      }
      tell(path, size)
      await link(blob, join(folder, path))
    }
  }
  const stopping = () =>
    worker().catch((error: unknown) => {
      queue.length = 0 // the others finish the file they are at
      throw error
    })
  const outcomes = await Promise.allSettled(Array.from({ length: Math.max(1, concurrency) }, stopping))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  return fresh
}

/** Large files are known by the SHA-256 of their content, others by their name in git. */
function digestOf(name: string, { lfs, oid, path }: ListFileEntry): ContentDigest {
  const digest: ContentDigest = lfs
    ? { algorithm: 'sha256', hex: lfs.oid.replace(/^sha256:/, '') }
    : { algorithm: 'git-blob', hex: oid ?? '' }
  if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(digest.hex)) throw missing(name, `no digest of ${path} in the listing`)
  return digest
}

/** The file's own name leads to its content; where links are not allowed it is a copy. */
async function link(blob: string, path: string): Promise<void> {
  if (existsSync(path)) return
  mkdirSync(dirname(path), { recursive: true })
  try {
    symlinkSync(relative(dirname(path), blob), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    await copyFile(blob, path)
  }
}

/** Failures of the hub's interface as one sentence. */
async function asking<T>(name: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof ChimedError) throw error
    const { statusCode, message, cause } = error as Error & { statusCode?: number; cause?: { code?: string } }
    if ((error as Error).name === 'AbortError') throw error
    const reason =
      statusCode === 401 || statusCode === 403 || statusCode === 404
        ? `status ${statusCode}: it does not exist, or is gated or private; accept its terms on its page and pass token`
        : (cause?.code ?? message)
    throw missing(name, reason, error)
  }
}

const missing = (name: string, reason: string, cause?: unknown): ChimedError =>
  new ChimedError(
    'download',
    `hubDataset: expected the data set ${name}, got ${reason}. Check the name and the network, or put its files into a local folder.`,
    { path: name, cause },
  )
