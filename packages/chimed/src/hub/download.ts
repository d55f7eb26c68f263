import { createHash, type Hash } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ChimedError } from '../errors'
import { unwritable } from '../write/file'

/** How the content of a file is known before it is there. */
export interface ContentDigest {
  readonly algorithm: 'sha256' | 'git-blob'
  /** Hexadecimal digits. */
  readonly hex: string
}

/** Options of `download`. */
export interface DownloadOptions {
  /** Bytes of the whole file, when known beforehand. */
  readonly size?: number | undefined
  /** What the content must be; a file that differs is thrown away. */
  readonly digest?: ContentDigest | undefined
  /** Sent as `Authorization: Bearer`, never to another host than that of `url`. */
  readonly token?: string | undefined
  /** Tries without any progress before giving up (default 5). */
  readonly attempts?: number | undefined
  /** Waits between tries; doubling seconds by default. */
  readonly wait?: ((attempt: number) => Promise<void>) | undefined
  readonly fetch?: typeof fetch | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes that are there, and of the whole. */
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined
}

/**
 * Downloads `url` to `path` and resumes what an earlier call, or a broken connection, left in `path.incomplete`: only what is missing is asked for,
 * on the condition that the file has not changed (`If-Range` with its ETag). A file that changed, or that does not have its digest, begins anew.
 *
 * @throws ChimedError `download` when the server refuses or the tries are used up (what came is kept), `file-write` when the disk refuses
 */
export async function download(url: string, path: string, options: DownloadOptions = {}): Promise<void> {
  const { attempts = 5, wait = doublingSeconds, digest, signal } = options
  const partial = partialFile(path)
  let failures = 0
  let corrupt = false
  for (;;) {
    const before = partial.size()
    const outcome = await receive(url, partial, options).catch(asOutcome)
    signal?.throwIfAborted()
    if (outcome === 'complete') {
      if (!digest || (await hasDigest(partial.path, digest))) return partial.finish()
      partial.discard()
      if (corrupt) throw refused(url, 'content that does not have the digest that the listing names, twice')
      corrupt = true
      continue
    }
    failures = partial.size() > before ? 1 : failures + 1
    if (outcome.final || failures >= attempts) throw refused(url, outcome.reason)
    await wait(failures)
  }
}

const doublingSeconds = (attempt: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(60, 2 ** (attempt - 1)) * 1000))

interface PartialFile {
  readonly path: string
  size(): number
  /** ETag of the server when the part was begun; a part without one cannot be resumed. */
  etag(): string | undefined
  begin(etag: string | undefined): void
  discard(): void
  finish(): void
}

function partialFile(path: string): PartialFile {
  const incomplete = `${path}.incomplete`
  const etagPath = `${incomplete}.etag`
  const discard = (): void => {
    rmSync(incomplete, { force: true })
    rmSync(etagPath, { force: true })
  }
  return {
    path: incomplete,
    size: () => statSync(incomplete, { throwIfNoEntry: false })?.size ?? 0,
    etag: () => (existsSync(etagPath) ? readFileSync(etagPath, 'utf8') : undefined),
    begin: (etag) => {
      try {
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(incomplete, '')
        if (etag === undefined) rmSync(etagPath, { force: true })
        else writeFileSync(etagPath, etag)
      } catch (cause) {
        throw unwritable(incomplete, cause)
      }
    },
    discard,
    finish: () => {
      renameSync(incomplete, path)
      rmSync(etagPath, { force: true })
    },
  }
}

/** What became of one request: the file is whole, or why not and whether asking again is of no use. */
type Outcome = 'complete' | { readonly reason: string; readonly final: boolean }

const again = (reason: string): Outcome => ({ reason, final: false })

/** Asks for what is missing and appends it. */
async function receive(url: string, partial: PartialFile, options: DownloadOptions): Promise<Outcome> {
  const { fetch: get = fetch, token, signal, size } = options
  const have = partial.etag() === undefined ? 0 : partial.size()
  if (size !== undefined && size > 0 && have === size) return 'complete'
  const response = await get(url, {
    headers: {
      // a packed body could not be resumed in the middle
      'accept-encoding': 'identity',
      ...(have > 0 && { range: `bytes=${have}-`, 'if-range': partial.etag()! }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    ...(signal && { signal }),
  })
  if (response.status === 416) {
    await response.body?.cancel()
    partial.discard()
    return again('the part that is here does not fit the file any more')
  }
  if (!response.ok) {
    await response.body?.cancel()
    return { reason: statusReason(response.status), final: isFinal(response.status) }
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')
  const resumes = response.status === 206 && Number(range?.[1]) === have && have > 0
  if (response.status === 206 && !resumes) {
    await response.body?.cancel()
    partial.discard()
    return again('an answer to another range than was asked for')
  }
  const start = resumes ? have : 0
  if (!resumes) partial.begin(strongEtag(response))
  const length = Number(response.headers.get('content-length') ?? Number.NaN)
  const total = size ?? (resumes ? Number(range![2]) : length)
  const end = await append(response, partial.path, {
    start,
    total: Number.isFinite(total) ? total : undefined,
    options,
  })
  if (Number.isFinite(total) && end < total) return again(`a connection that ended after ${end} of ${total} bytes`)
  if (Number.isFinite(total) && end > total) {
    partial.discard()
    return { reason: `${end} bytes where ${total} were announced`, final: true }
  }
  return 'complete'
}

/** A weak ETag does not promise the same bytes, so a part with one is not resumed. */
function strongEtag(response: Response): string | undefined {
  const etag = response.headers.get('etag')
  return etag === null || etag.startsWith('W/') ? undefined : etag
}

interface AppendOptions {
  readonly start: number
  readonly total: number | undefined
  readonly options: DownloadOptions
}

/** Appends the body at `start`; what came before a broken connection stays. Returns the size of the part. */
async function append(response: Response, path: string, { start, total, options }: AppendOptions): Promise<number> {
  const { onProgress } = options
  const file = await open(path, 'r+').catch((cause: unknown) => {
    throw unwritable(path, cause)
  })
  let at = start
  try {
    for await (const chunk of response.body ?? []) {
      const bytes = chunk as Uint8Array
      await file.write(bytes, 0, bytes.length, at).catch((cause: unknown) => {
        throw unwritable(path, cause)
      })
      at += bytes.length
      onProgress?.(at, total)
    }
  } finally {
    await file.close()
  }
  return at
}

/** Network failures may pass; what the disk refuses, or the caller ends, does not. */
function asOutcome(error: unknown): Outcome {
  if (error instanceof ChimedError) throw error
  const { name, message, cause } = error as Error & { cause?: { message?: string; code?: string } }
  if (name === 'AbortError') throw error
  return again(cause?.code ?? cause?.message ?? message)
}

const isFinal = (status: number): boolean => status >= 400 && status < 500 && status !== 408 && status !== 429

function statusReason(status: number): string {
  if (status === 401 || status === 403)
    return `status ${status}: the data set is gated or private; accept its terms on its page and pass token`
  if (status === 404) return 'status 404: there is no such file; check name and revision'
  return `status ${status}`
}

const refused = (url: string, reason: string): ChimedError =>
  new ChimedError(
    'download',
    `download: expected the file at ${url}, got ${reason}. What has come is kept: call again to go on.`,
    { path: url },
  )

/** True when the content of a file has the digest. */
export async function hasDigest(path: string, { algorithm, hex }: ContentDigest): Promise<boolean> {
  const hash: Hash = createHash(algorithm === 'sha256' ? 'sha256' : 'sha1')
  if (algorithm === 'git-blob') hash.update(`blob ${statSync(path).size}\0`)
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex') === hex
}
