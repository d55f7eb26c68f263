import type { DocumentInput } from '../documents/document'
import { oneOf, RagError } from '../errors'
import { decodedLines, type TextEncoding } from './decode-text'
import { type Complain, type DocumentFiles, documentFiles, type OnFault } from './faults'
import { findFiles } from './find-files'

/** Options that all readers share. */
export interface ReadOptions {
  readonly encoding?: TextEncoding
  /** What to do with a file or row that cannot be used: stop with an error, or leave it out and count it in the report. */
  readonly onFault?: OnFault
  /** Split of everything that is read. */
  readonly split?: string | undefined
  /** Where it comes from, as a reader should see it; default the file's path. */
  readonly source?: string | undefined
}

/** Options of `readText`. */
export interface ReadTextOptions extends ReadOptions {
  /** What one document is: a whole file, a block between blank lines, or a line that is not blank. */
  readonly unit?: 'file' | 'paragraph' | 'line'
  /** Longest document, in UTF-16 units. */
  readonly maxLength?: number
}

/**
 * The texts in the files that `patterns` name (`'books/*.txt'`, also `.gz`), read as they are iterated. A document's id is
 * the file's path, and the line where it begins when a file holds several.
 *
 * @throws RagError (`file`) when nothing is found or readable; while reading, unless faults are skipped: (`encoding`),
 *   (`row`) for a document longer than `maxLength`, (`file`) for an empty file
 */
export function readText(
  patterns: string | readonly string[],
  { unit = 'file', encoding = 'auto', onFault = 'throw', maxLength = 2 ** 26, ...origin }: ReadTextOptions = {},
): DocumentFiles {
  const operation = 'readText'
  oneOf(operation, 'unit', unit, ['file', 'paragraph', 'line'])
  return documentFiles(operation, onFault, (complain, fileRead) =>
    eachFile(operation, patterns, complain, fileRead, async function* (path) {
      let any = false
      for await (const { line, text } of blocks(decodedLines(operation, path, encoding), unit)) {
        any = true
        if (text.length > maxLength)
          complain({ code: 'row', reason: `${text.length} characters, more than maxLength ${maxLength}`, path, line })
        else yield documentAt(path, unit === 'file' ? undefined : line, text, origin)
      }
      if (!any) complain({ code: 'file', reason: 'an empty file', path })
    }),
  )
}

/** Reads the files that `patterns` name one after the other; a file that fails is a fault, the next one is read. */
export async function* eachFile(
  operation: string,
  patterns: string | readonly string[],
  complain: Complain,
  fileRead: () => void,
  read: (path: string) => AsyncGenerator<DocumentInput>,
): AsyncGenerator<DocumentInput> {
  for (const path of await findFiles(operation, patterns, complain)) {
    try {
      fileRead()
      yield* read(path)
    } catch (error) {
      if (!(error instanceof RagError) || (error.code !== 'encoding' && error.code !== 'file')) throw error
      skipOrThrow(complain, error, path)
    }
  }
}

function skipOrThrow(complain: Complain, error: RagError, path: string): void {
  try {
    complain({ code: error.code as 'encoding' | 'file', reason: error.message, path })
  } catch {
    throw error
  }
}

/** A document of a file. */
export const documentAt = (
  path: string,
  line: number | undefined,
  text: string,
  { split, source = path }: Pick<ReadOptions, 'split' | 'source'>,
): DocumentInput => ({
  id: line === undefined ? path : `${path}:${line}`,
  text,
  source,
  metadata: { file: path, ...(line === undefined ? {} : { line }) },
  split,
})

type Lines = AsyncIterable<{ readonly line: number; readonly text: string }>

async function* blocks(lines: Lines, unit: 'file' | 'paragraph' | 'line'): Lines & AsyncGenerator {
  let block: string[] = []
  let start = 1
  for await (const { line, text } of lines) {
    const blank = !/\S/.test(text)
    if (unit === 'line' && !blank) yield { line, text }
    if (unit === 'line') continue
    if (unit === 'paragraph' && blank) {
      if (block.length > 0) yield { line: start, text: block.join('\n') }
      block = []
      continue
    }
    if (block.length === 0) start = line
    block.push(text)
  }
  if (block.some((text) => /\S/.test(text))) yield { line: start, text: block.join('\n') }
}
