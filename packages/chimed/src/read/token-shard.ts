import { closeSync, openSync, readSync } from 'node:fs'
import { ChimedError } from '../errors'
import { ignoreIndex, type PreferenceRow, type TokenRow } from '../types'
import { type Section, type ShardRow, type TokenShardHeader, tokenShardMagic } from '../write/token-shard'

/** A token shard that is open: rows are read from their place in the file, by number. */
export interface TokenShard {
  readonly header: TokenShardHeader
  readonly length: number
  /** Row `index`, or undefined beyond the end. */
  at(index: number): ShardRow | undefined
  close(): void
}

/**
 * Opens a token shard. Memory: eight bytes a row for the index; ids stay in the file, where the system keeps what is used.
 *
 * @throws ChimedError `file-missing`, `file-format` or `file-truncated`
 */
export function openTokenShard(path: string): TokenShard {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new ChimedError('file-missing', `openTokenShard: expected a token shard, got nothing readable at ${path}. Check the path.`, { path, cause }) // biome-ignore format: one sentence
  }
  try {
    return reader(file, path)
  } catch (error) {
    closeSync(file)
    throw error
  }
}

function reader(file: number, path: string): TokenShard {
  const { header, start } = readHeader(file, path)
  const { sections, rows, kind } = header
  const take = (section: Section, from: number, bytes: number): Buffer => {
    const taken = Buffer.alloc(bytes)
    fill(file, taken, start + section.offset + from, path)
    return taken
  }
  const words = (section: Section, from: number, count: number): Uint32Array =>
    new Uint32Array(take(section, from * 4, count * 4).buffer)
  const rowEnds = words(sections.rowEnds, 0, rows)
  const pieceEnds = words(sections.pieceEnds, 0, rows)
  const width = header.type === 'uint16' ? 2 : 4
  const idsOf = (from: number, to: number): Int32Array => {
    const { buffer } = take(sections.ids, from * width, (to - from) * width)
    return Int32Array.from(width === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer))
  }
  const labelsOf = (inputIds: Int32Array, from: number, to: number): Int32Array => {
    if (sections.labels.bytes === 0) return inputIds.slice()
    const bits = take(sections.labels, from >> 3, Math.ceil(to / 8) - (from >> 3))
    const bitAt = from & 7
    return inputIds.map((id, i) => ((bits[(bitAt + i) >> 3]! >> ((bitAt + i) & 7)) & 1 ? id : ignoreIndex))
  }
  return {
    header,
    length: rows,
    at: (index) => {
      if (!(index >= 0 && index < rows)) return undefined
      const from = index === 0 ? 0 : rowEnds[index - 1]!
      const to = rowEnds[index]!
      const firstPiece = index === 0 ? 0 : pieceEnds[index - 1]!
      const pieces = Array.from(words(sections.pieceLengths, firstPiece, pieceEnds[index]! - firstPiece))
      const ids = idsOf(from, to)
      if (kind === 'preference') return preference(ids, pieces)
      const row: TokenRow = { inputIds: ids, labels: labelsOf(ids, from, to) }
      return pieces.length === 0 ? row : { ...row, seqLengths: pieces }
    },
    close: () => closeSync(file),
  }
}

function preference(ids: Int32Array, [prompt = 0, chosen = 0]: readonly number[]): PreferenceRow {
  return {
    promptIds: ids.subarray(0, prompt),
    chosenIds: ids.subarray(prompt, prompt + chosen),
    rejectedIds: ids.subarray(prompt + chosen),
  }
}

function readHeader(file: number, path: string): { readonly header: TokenShardHeader; readonly start: number } {
  const first = Buffer.alloc(16)
  fill(file, first, 0, path)
  if (first.toString('latin1', 0, 8) !== tokenShardMagic) throw unlike(path, 'other first bytes')
  const text = Buffer.alloc(Math.min(first.readUInt32LE(8), 1 << 20))
  fill(file, text, 16, path)
  let header: TokenShardHeader
  try {
    header = JSON.parse(text.toString()) as TokenShardHeader
  } catch (cause) {
    throw unlike(path, 'a header that is no JSON', cause)
  }
  if (header.version !== 1) throw unlike(path, `version ${header.version}`)
  const start = 16 + text.length
  const end = Math.max(...Object.values(header.sections).map(({ offset, bytes }) => offset + bytes))
  if (end > 0) fill(file, Buffer.alloc(1), start + end - 1, path) // the last byte is there, so all are
  return { header, start }
}

const unlike = (path: string, got: string, cause?: unknown): ChimedError =>
  new ChimedError(
    'file-format',
    `openTokenShard: expected a token shard of version 1, got ${got} in ${path}. Pack the data again.`,
    { path, cause },
  )

function fill(file: number, bytes: Buffer, position: number, path: string): void {
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(file, bytes, at, bytes.length - at, position + at)
    if (read === 0)
      throw new ChimedError(
        'file-truncated',
        `openTokenShard: expected a whole token shard, got one that ends at ${position + at} in ${path}. Pack the data again.`,
        { path },
      )
    at += read
  }
}
