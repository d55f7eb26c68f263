import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelsError } from '../errors'

/** Names of the files that make up a tokenizer. */
export const tokenizerFiles: readonly string[] = [
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'vocab.json',
  'merges.txt',
  'vocab.txt',
]

/** Paths of the tokenizer's files that a folder has. */
export const tokenizerPaths = async (folder: string): Promise<string[]> => {
  const there = await readdir(folder)
  return tokenizerFiles.filter((name) => there.includes(name)).map((name) => join(folder, name))
}

/** The error of a function that writes a folder and was stopped by the system. */
export const writeFailed = (who: string, folder: string, cause: NodeJS.ErrnoException): ModelsError =>
  new ModelsError(
    'write-failed',
    `${who}: ${folder}: expected a writable folder, got ${cause.code} (${cause.path ?? folder}). Check permissions and free space.`,
    { path: folder, cause },
  )

/** True for an error of the operating system. */
export const isSystemError = (cause: unknown): cause is NodeJS.ErrnoException =>
  cause instanceof Error && typeof (cause as NodeJS.ErrnoException).syscall === 'string'
