import type { DocumentInput } from '../documents/document'
import { parseObject } from '../documents/stored'
import { decodedLines } from './decode-text'
import { type DocumentFiles, documentFiles } from './faults'
import { documentAt, eachFile, type ReadOptions } from './read-text'

/** A row of a JSON lines file. */
export type JsonRow = Readonly<Record<string, unknown>>

/** Options of `readJsonl`. */
export interface ReadJsonlOptions extends ReadOptions {
  /** Field that holds the text, several to join by line breaks, or a function that makes it. */
  readonly text?: string | readonly string[] | ((row: JsonRow) => string)
  /** Field that holds the id; default file and line. */
  readonly id?: string | undefined
  /** Field that holds the row's split. */
  readonly splitField?: string
  /** Fields to keep as metadata. */
  readonly metadata?: readonly string[]
}

/**
 * The rows of the JSON lines files that `patterns` name. Blank lines do not count; a row that is no object, or whose text
 * is missing or blank, is a fault.
 *
 * @throws as `readText`
 */
export function readJsonl(
  patterns: string | readonly string[],
  { encoding = 'auto', onFault = 'throw', ...options }: ReadJsonlOptions = {},
): DocumentFiles {
  const operation = 'readJsonl'
  return documentFiles(operation, onFault, (complain, fileRead) =>
    eachFile(operation, patterns, complain, fileRead, async function* (path) {
      let any = false
      for await (const { line, text } of decodedLines(operation, path, encoding)) {
        if (!/\S/.test(text)) continue
        any = true
        const row = parseObject(text)
        const made =
          row === undefined ? 'expected one JSON object, got something else' : rowDocument(row, path, line, options)
        if (typeof made === 'string') complain({ code: 'row', reason: made, path, line })
        else yield made
      }
      if (!any) complain({ code: 'file', reason: 'an empty file', path })
    }),
  )
}

/** The document in a row, or what is wrong with the row. */
function rowDocument(
  row: JsonRow,
  path: string,
  line: number,
  { text = 'text', id, splitField = 'split', metadata = [], ...origin }: ReadJsonlOptions,
): DocumentInput | string {
  const content = textOf(row, text)
  if (content === undefined || !/\S/.test(content)) return `expected a text in ${named(text)}, got none`
  const rowId = id === undefined ? undefined : row[id]
  if (id !== undefined && typeof rowId !== 'string' && typeof rowId !== 'number')
    return `expected an id in '${id}', got none`
  const rowSplit = row[splitField]
  const document = documentAt(path, line, content, {
    ...origin,
    split: typeof rowSplit === 'string' ? rowSplit : origin.split,
  })
  const kept = metadata.filter((name) => Object.hasOwn(row, name)).map((name) => [name, row[name]] as const)
  return {
    ...document,
    id: rowId === undefined ? document.id : String(rowId),
    metadata: { ...document.metadata, ...Object.fromEntries(kept) },
  }
}

function textOf(row: JsonRow, text: NonNullable<ReadJsonlOptions['text']>): string | undefined {
  if (typeof text === 'function') return text(row)
  const parts = (typeof text === 'string' ? [text] : text).map((name) => row[name])
  return parts.every((part) => typeof part === 'string') ? parts.join('\n') : undefined
}

const named = (text: NonNullable<ReadJsonlOptions['text']>): string =>
  typeof text === 'function'
    ? 'the row'
    : [text]
        .flat()
        .map((name) => `'${name}'`)
        .join(' and ')
