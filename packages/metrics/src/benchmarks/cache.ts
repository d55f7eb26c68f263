import { createHash } from 'node:crypto'
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MetricsError } from '../errors'
import type { Answer } from './answer'
import type { ModelRequest } from './model'

/** Keeps answers by the content of their request. Failed requests are never kept. */
export interface AnswerCache {
  get(key: string): Promise<Answer | undefined>
  set(key: string, answer: Answer): Promise<void>
}

/**
 * The key of a request to a model: a digest of the model's identity and of everything that can change the answer. The row's
 * id is not part of it, so equal questions share an answer.
 */
export function contentKey(identity: string, request: ModelRequest): string {
  const content =
    request.kind === 'generate'
      ? [identity, 'generate', request.prompt, request.maxTokens, request.stop ?? []]
      : [identity, 'score', request.prompt, request.continuations]
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}

/** A cache in memory. */
export function memoryCache(): AnswerCache {
  const answers = new Map<string, Answer>()
  return {
    get: async (key) => answers.get(key),
    set: async (key, answer) => void answers.set(key, answer),
  }
}

/**
 * A cache in `folder`, one JSON line an answer, appended as answers come in. A run may be killed at any moment: a last line that was cut
 * off is left aside, and its question asked again.
 *
 * @throws MetricsError `cache` when the folder cannot be made, read or written
 */
export async function fileCache(
  folder: string,
): Promise<AnswerCache & { readonly path: string; readonly brokenLines: number }> {
  const path = join(folder, 'answers.jsonl')
  const text = await open(folder, path)
  const answers = new Map<string, Answer>()
  let brokenLines = 0
  for (const line of text.split('\n')) {
    if (line === '') continue
    const entry = parse(line)
    if (entry === undefined) brokenLines++
    else answers.set(entry.key, entry.answer)
  }
  // After a cut-off line the next answer begins on a line of its own.
  let separator = text === '' || text.endsWith('\n') ? '' : '\n'
  return {
    path,
    brokenLines,
    get: async (key) => answers.get(key),
    async set(key, answer) {
      answers.set(key, answer)
      const line = `${separator}${JSON.stringify({ key, answer }, writeInfinity)}\n`
      separator = ''
      await appendFile(path, line).catch((cause: unknown) => {
        throw broken(path, 'to be written', cause)
      })
    },
  }
}

async function open(folder: string, path: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true })
    return await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw broken(path, 'to be opened', cause)
  }
}

const broken = (path: string, what: string, cause: unknown): MetricsError =>
  new MetricsError('cache', `fileCache: expected ${path} ${what}, got ${String(cause)}. Choose a writable folder.`, {
    operation: 'fileCache',
    path,
    cause,
  })

/** JSON has no infinity, which a log-probability may be. */
const writeInfinity = (_: string, value: unknown): unknown => (value === Number.NEGATIVE_INFINITY ? '-Infinity' : value)
const readInfinity = (_: string, value: unknown): unknown => (value === '-Infinity' ? Number.NEGATIVE_INFINITY : value)

function parse(line: string): { key: string; answer: Answer } | undefined {
  try {
    const entry = JSON.parse(line, (name, value) => (name === 'text' ? value : readInfinity(name, value)))
    return typeof entry?.key === 'string' && typeof entry.answer === 'object' ? entry : undefined
  } catch {
    return undefined
  }
}
