import { basename } from 'node:path'
import { ChimedError } from '../errors'
import { readCpt, readDpo, readSft } from '../read/corpora'
import { readRows } from '../read/rows'
import type { Corpus } from '../record'
import type { Source } from '../sources/source'
import type { ChimedRecord, Split } from '../types'

/** Options of `fileSource`. */
export interface FileSourceOptions {
  readonly name?: string | undefined
  readonly split?: Split | undefined
  readonly limit?: number | undefined
}

/** A file of a corpus in any layout, ChiMed's own ones first; rows keep the source they name. */
export function fileSource(corpus: Corpus, path: string, options: FileSourceOptions = {}): Source {
  const { name = basename(path), split, limit = Number.POSITIVE_INFINITY } = options
  const readers = { cpt: readCpt, sft: readSft, dpo: readDpo }
  return {
    name,
    files: () => [path],
    byFile: true,
    options: { corpus, ...options },
    read: async function* ({ onFault, signal } = {}) {
      let given = 0
      for await (const record of readers[corpus](path, {
        onFault,
        signal,
        label: basename(path),
      }) as AsyncIterable<ChimedRecord>) {
        if (given++ >= limit) return
        const origin = { ...record.origin, source: record.origin?.source || name }
        yield { ...record, origin: split ? { ...origin, split } : origin }
      }
    },
  }
}

/**
 * The corpus that the first row of a file belongs to.
 *
 * @throws ChimedError `file-format` when it looks like none
 */
export async function corpusOfFile(path: string): Promise<Corpus> {
  for await (const { value } of readRows<unknown>(path, { onFault: () => {} })) {
    if (typeof value === 'string') return 'cpt'
    const keys = new Set(Object.keys((value ?? {}) as object))
    const has = (...names: string[]): boolean => names.some((name) => keys.has(name))
    if (has('chosen', 'response_chosen', 'candidates')) return 'dpo'
    if (has('messages', 'conversations', 'conversation', 'instruction')) return 'sft'
    if (has('text')) return 'cpt'
    break
  }
  throw new ChimedError(
    'file-format',
    `chimed: expected rows with text, messages or chosen, got others in ${path}. Name the corpus with --corpus.`,
    { path },
  )
}
