import { ChimedError } from '../errors'
import { ignoreIndex, type PreferenceRow, type TokenRow } from '../types'

/** A training row of either kind. */
export type ShardRow = TokenRow | PreferenceRow

/** What the header of a token shard says. Offsets count from the end of the header, which is a multiple of 16 bytes into the file. */
export interface TokenShardHeader {
  readonly version: 1
  /** `token`: rows with labels; `preference`: rows of prompt, chosen and rejected ids, one behind the other. */
  readonly kind: 'token' | 'preference'
  readonly type: 'uint16' | 'uint32'
  readonly rows: number
  readonly tokens: number
  readonly sections: {
    /** Ids of all rows, one behind the other, in `type`. */
    readonly ids: Section
    /** uint32 per row: ids up to its end. */
    readonly rowEnds: Section
    /** uint32 per row: pieces up to its end. Pieces are packed samples, or the three parts of a preference row. */
    readonly pieceEnds: Section
    /** uint32 per piece: its length. */
    readonly pieceLengths: Section
    /** A bit per id, lowest first: 1 where the label is the id, 0 where it does not count. Empty when every label counts. */
    readonly labels: Section
  }
}

/** Where a section lies, in bytes. */
export interface Section {
  readonly offset: number
  readonly bytes: number
}

/** First bytes of every token shard. */
export const tokenShardMagic = 'CHIMEDTK'

/** Rows on their way into a shard. */
export interface TokenShardWriter {
  add(row: ShardRow): void
  readonly rows: number
  readonly tokens: number
  /** The file. */
  bytes(): Uint8Array[]
}

/** Options of `tokenShardWriter`. */
export interface TokenShardOptions {
  readonly kind: TokenShardHeader['kind']
  /** Largest id plus one; up to 65,536 ids take two bytes, more (or an unknown number) four. */
  readonly vocabularySize?: number | undefined
}

/**
 * Holds the rows of one shard and gives its bytes: `CHIMEDTK`, the length of the header (uint32, little endian, as all numbers), four zero
 * bytes, the header as JSON, filled up with blanks, then the sections it names.
 *
 * @throws ChimedError `option` for a row of the other kind, an id that does not fit, or a label that is neither the id nor -100
 */
export function tokenShardWriter({ kind, vocabularySize = 2 ** 32 }: TokenShardOptions): TokenShardWriter {
  const wide = vocabularySize > 65536
  const ids: Uint8Array[] = []
  const labels = bitList()
  const [rowEnds, pieceEnds, pieceLengths]: number[][] = [[], [], []]
  let tokens = 0
  let everyLabel = true
  const addIds = (list: ArrayLike<number>): void => {
    const packed = wide ? Uint32Array.from(list) : Uint16Array.from(list)
    for (let i = 0; i < list.length; i++)
      if (packed[i] !== list[i]) throw misfit(`ids from 0 to ${wide ? 2 ** 32 - 1 : 65535}, got ${list[i]}`)
    ids.push(new Uint8Array(packed.buffer))
    tokens += list.length
  }
  return {
    get rows() {
      return rowEnds!.length
    },
    get tokens() {
      return tokens
    },
    add: (row) => {
      if ('promptIds' in row !== (kind === 'preference')) throw misfit(`${kind} rows, got one of the other kind`)
      if ('promptIds' in row) {
        for (const part of [row.promptIds, row.chosenIds, row.rejectedIds]) {
          addIds(part)
          pieceLengths!.push(part.length)
        }
      } else {
        for (let i = 0; i < row.inputIds.length; i++) {
          const counts = row.labels[i] !== ignoreIndex
          if (counts && row.labels[i] !== row.inputIds[i])
            throw misfit(`labels that are their id or ${ignoreIndex}, got ${row.labels[i]} for ${row.inputIds[i]}`)
          everyLabel &&= counts
          labels.push(counts)
        }
        addIds(row.inputIds)
        pieceLengths!.push(...(row.seqLengths ?? []))
      }
      rowEnds!.push(tokens)
      pieceEnds!.push(pieceLengths!.length)
    },
    bytes: () => {
      const words = (list: readonly number[]): Uint8Array[] => [new Uint8Array(Uint32Array.from(list).buffer)]
      return layOut(
        { version: 1, kind, type: wide ? 'uint32' : 'uint16', rows: rowEnds!.length, tokens },
        {
          ids,
          rowEnds: words(rowEnds!),
          pieceEnds: words(pieceEnds!),
          pieceLengths: words(pieceLengths!),
          labels: everyLabel ? [] : [labels.bytes()],
        },
      )
    },
  }
}

const misfit = (what: string): ChimedError =>
  new ChimedError('option', `tokenShardWriter: expected ${what}. Check the tokenizer and the rows.`)

const round16 = (bytes: number): number => Math.ceil(bytes / 16) * 16

/** Header and sections, each filled up to a multiple of 16 bytes. */
function layOut(
  about: Omit<TokenShardHeader, 'sections'>,
  parts: Readonly<Record<keyof TokenShardHeader['sections'], readonly Uint8Array[]>>,
): Uint8Array[] {
  let offset = 0
  const sections = Object.fromEntries(
    Object.entries(parts).map(([name, chunks]) => {
      const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
      const section = { offset, bytes }
      offset += round16(bytes)
      return [name, section]
    }),
  )
  const text = Buffer.from(JSON.stringify({ ...about, sections }))
  const header = Buffer.alloc(round16(16 + text.length), ' ')
  header.write(tokenShardMagic)
  header.writeUInt32LE(header.length - 16, 8)
  header.writeUInt32LE(0, 12)
  text.copy(header, 16)
  const padded = Object.values(parts).flatMap((chunks) => {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
    return [...chunks, new Uint8Array(round16(bytes) - bytes)]
  })
  return [header, ...padded]
}

/** A growing list of bits. */
function bitList(): { push(bit: boolean): void; bytes(): Uint8Array } {
  let bytes = new Uint8Array(1024)
  let size = 0
  return {
    push: (bit) => {
      if (size >> 3 === bytes.length) {
        const larger = new Uint8Array(bytes.length * 2)
        larger.set(bytes)
        bytes = larger
      }
      if (bit) bytes[size >> 3]! |= 1 << (size & 7)
      size++
    },
    bytes: () => bytes.slice(0, Math.ceil(size / 8)),
  }
}
