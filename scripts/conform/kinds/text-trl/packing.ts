import { mapBatchRows, packBatch, type TokenRow, truncateRow } from '@qilin-med/chimed'
import type { Case } from '../../kind'
import { equalityCase, readGolden } from '../chimed/golden'
import { type Attempt, attempt } from './attempt'

interface Columns {
  readonly input_ids: readonly (readonly number[])[]
  readonly labels?: readonly (readonly number[])[]
  readonly seq_lengths?: readonly (readonly number[])[]
}

interface PackingGolden {
  readonly many_rows: { readonly row_lengths: readonly number[]; readonly seq_length: number } & Readonly<
    Record<
      'bfd' | 'wrapped',
      {
        readonly rows: number
        readonly first_ids: readonly number[]
        readonly lengths: readonly number[]
        readonly seq_lengths: readonly (readonly number[])[]
        readonly last: readonly number[]
      }
    >
  >
  readonly cases: readonly (Columns & { readonly seq_length: number } & Readonly<
      Record<
        'bfd' | 'bfd_split' | 'wrapped' | 'truncate',
        { readonly out?: Columns; readonly error?: { readonly message: string } }
      >
    >)[]
}

const tokenRows = ({ input_ids: ids, labels = ids }: Columns): TokenRow[] =>
  ids.map((row, index) => ({ inputIds: Int32Array.from(row), labels: Int32Array.from(labels[index]!) }))

const columnsOf = (rows: readonly TokenRow[]): Columns => ({
  input_ids: rows.map(({ inputIds }) => Array.from(inputIds)),
  labels: rows.map(({ labels }) => Array.from(labels)),
  ...(rows.some(({ seqLengths }) => seqLengths) && { seq_lengths: rows.map(({ seqLengths }) => [...seqLengths!]) }),
})

/** Packing and truncation of token rows. */
export function packingCases(golden: string): Case[] {
  const path = 'text/trl/packing'
  const found = readGolden<PackingGolden>(golden, path)
  if (!found) return []
  const cases = found.cases.flatMap((expected, index) => {
    const strategies = (['bfd', 'bfd_split', 'wrapped'] as const).map((strategy) =>
      equalityCase(path, `case ${index + 1} ${strategy}`, () => ({
        columns: attempt(
          () => columnsOf(packBatch(tokenRows(expected), strategy, expected.seq_length)),
          withSeqLengths(expected[strategy]),
        ),
      })),
    )
    const truncated = equalityCase(path, `case ${index + 1} truncate`, () => ({
      columns: attempt(
        () => columnsOf(tokenRows(expected).map((row) => truncateRow(row, expected.seq_length, 'keep_start'))),
        expected.truncate,
      ),
    }))
    return [...strategies, truncated]
  })
  const many = (['bfd', 'wrapped'] as const).map((strategy) =>
    equalityCase(path, `many rows ${strategy}`, () => manyRows(found.many_rows, strategy)),
  )
  return [...cases, ...many]
}

/** A batch without any packed row has no lengths to show. */
const withSeqLengths = (expected: Attempt & { readonly out?: Columns }): Attempt => {
  if (!expected.out || expected.out.input_ids.length > 0) return expected
  const { seq_lengths: _none, ...columns } = expected.out
  return { out: columns }
}

function manyRows(
  { row_lengths: lengths, seq_length: length, ...expected }: PackingGolden['many_rows'],
  strategy: 'bfd' | 'wrapped',
): Record<string, readonly [unknown, unknown]> {
  let next = 0
  const rows = tokenRows({ input_ids: lengths.map((count) => Array.from({ length: count }, () => next++)) })
  const packed: TokenRow[] = []
  for (let start = 0; start < rows.length; start += mapBatchRows)
    packed.push(...packBatch(rows.slice(start, start + mapBatchRows), strategy, length))
  const { rows: count, first_ids: first, lengths: packedLengths, seq_lengths: seqLengths, last } = expected[strategy]
  const shown = packed.slice(0, first.length)
  return {
    rows: [packed.length, count],
    first: [shown.map(({ inputIds }) => inputIds[0]), first],
    lengths: [shown.map(({ inputIds }) => inputIds.length), packedLengths],
    'sequence lengths': [seqLengths.length > 0 ? shown.map((row) => row.seqLengths) : [], seqLengths],
    last: [packed.at(-1)?.inputIds, last],
  }
}
