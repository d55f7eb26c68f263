import { RagError, shown } from '../errors'
import type { Document, Part } from './document'

/**
 * A document as one line of JSON.
 *
 * @throws RagError (`document`) when its metadata holds what JSON cannot (a cycle, a BigInt)
 */
export function documentLine(document: Document): string {
  try {
    return JSON.stringify(document)
  } catch (cause) {
    throw new RagError(
      'document',
      `save: expected metadata that JSON can hold for document ${shown(document.id)}, got: ${(cause as Error).message.split('\n')[0]}. Keep plain values there.`,
      { operation: 'save', id: document.id, cause },
    )
  }
}

/** The document that a stored line holds; undefined when it is none. Nothing in the line is trusted. */
export function parseDocument(line: string): Document | undefined {
  const value = parseObject(line)
  if (value === undefined) return undefined
  const { id, text, source, metadata, split, contentHash, part } = value
  if (typeof id !== 'string' || typeof text !== 'string' || typeof source !== 'string') return undefined
  if (!isObject(metadata) || !isTextOrAbsent(split) || !isTextOrAbsent(contentHash)) return undefined
  if (part !== undefined && !isPart(part)) return undefined
  return {
    id,
    text,
    source,
    metadata,
    ...(split === undefined ? {} : { split }),
    ...(contentHash === undefined ? {} : { contentHash }),
    ...(part === undefined ? {} : { part }),
  }
}

/** The object that `json` holds; undefined when it is anything else. */
export function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isTextOrAbsent = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string'

const isPart = (value: unknown): value is Part =>
  isObject(value) &&
  typeof value.document === 'string' &&
  typeof value.documentHash === 'string' &&
  [value.index, value.start, value.end].every((one) => Number.isSafeInteger(one) && (one as number) >= 0)
