import { readFile } from 'node:fs/promises'
import type { Bm25 } from '../bm25/bm25'
import { type DecodeBm25Options, decodeBm25 } from '../bm25/decode'
import { encodeBm25 } from '../bm25/encode'
import { fileError, writeWhole } from './write'

/**
 * Saves an index to one file, whole or not at all.
 *
 * @throws RagError (`file`) when it cannot be written, (`document`) when a document's metadata holds what JSON cannot
 */
export async function saveBm25(path: string, index: Bm25): Promise<void> {
  await writeWhole('saveBm25', path, encodeBm25(index))
}

/**
 * The index saved at `path`, every byte of it checked.
 *
 * @throws RagError (`file`) when it cannot be read, and as `decodeBm25`
 */
export async function loadBm25(path: string, options: Omit<DecodeBm25Options, 'path'> = {}): Promise<Bm25> {
  const bytes = await readFile(path).catch((cause) => {
    throw fileError('loadBm25', 'a saved index', path, cause)
  })
  return decodeBm25(bytes, { ...options, path })
}
