import { array, type NdArray } from '@qilin-med/tensor'
import { type Placement, placeItems } from './place'
import { ignoreIndex, isPreferenceRow, type PreferenceRow, samplesOf, type TokenRow, type TrainingRow } from './rows'

// Legend: B rows, T tokens a row, N labelled tokens, S sequences (P pairs).

/** What one micro-batch is to a program, all int32. */
export interface StepArrays {
  /** [B, T] */
  readonly ids: NdArray
  /** [B, T], from 0 in every sample; both completions of a pair start at the prompt's length. */
  readonly positions: NdArray
  /** [B, T], 0 for padding. */
  readonly segments: NdArray
  /** [B, T], segment that each token sees besides its own; for pairs the prompt's. */
  readonly parents?: NdArray
  /** [N] place b·T + t of the hidden state that predicts each labelled token. */
  readonly sources: NdArray
  /** [N] token to predict. */
  readonly targets: NdArray
  /** [N] sequence of each labelled token; of P pairs the chosen completions are 0..P−1, the rejected ones P..2P−1. */
  readonly sequences: NdArray
  /** [N] place of each labelled token inside its completion, from 0. */
  readonly offsets: NdArray
  /** [S] (for pairs [P]) number within the micro-batch of the data row that each sequence or pair comes from. */
  readonly origins: NdArray
}

/** How rows are laid out. */
export interface CollateOptions {
  /** Short rows share a row of the batch, kept apart by segments; default true. The numbers do not depend on it. */
  readonly pack?: boolean
  /** The row length is a multiple of this; default 1. */
  readonly padToMultipleOf?: number
  /** Pairs as one row `[prompt | chosen | rejected]`, the prompt computed once; default true. */
  readonly sharePrompts?: boolean
}

/** One piece of consecutive tokens in a row of the batch, its labels and the place of the first token. */
interface Piece {
  readonly ids: ArrayLike<number>
  readonly position: number
  /** Number of the piece that its tokens see too; undefined for none. */
  readonly parent?: number
  /** Labelled tokens, in order. */
  readonly labels?: { readonly sequence: number; counts(t: number): boolean }
}

/** Pieces that stay together in one row. */
type Item = readonly Piece[]

/**
 * The arrays of one micro-batch. All rows are of one kind.
 * Tokens in N are ordered by sequence, whatever the layout.
 */
export const collate = (rows: readonly TrainingRow[], options: CollateOptions = {}): StepArrays => {
  const { pack = true, padToMultipleOf = 1, sharePrompts = true } = options
  const pairs = isPreferenceRow(rows[0]!)
  const { items, origins } = pairs
    ? pairItems(rows as readonly PreferenceRow[], sharePrompts)
    : tokenItems(rows as readonly TokenRow[])
  const placement = placeItems(items.map(lengthOf), { pack, multipleOf: padToMultipleOf })
  return { ...layOut(items, placement, pairs), origins: vector(origins) }
}

const lengthOf = (item: Item): number => item.reduce((sum, { ids }) => sum + ids.length, 0)

const tokenItems = (rows: readonly TokenRow[]): { items: Item[]; origins: number[] } => {
  const origins: number[] = []
  const items = rows.map((row, origin) =>
    samplesOf(row).map(({ ids, labels }): Piece => {
      const sequence = origins.push(origin) - 1
      return { ids, position: 0, labels: { sequence, counts: (t) => t > 0 && labels[t] !== ignoreIndex } }
    }),
  )
  return { items, origins }
}

const everyToken = () => true

const pairItems = (rows: readonly PreferenceRow[], sharePrompts: boolean): { items: Item[]; origins: number[] } => {
  const items = rows.flatMap(({ promptIds, chosenIds, rejectedIds }, pair): Item[] => {
    const prompt: Piece = { ids: promptIds, position: 0 }
    const completion = (ids: ArrayLike<number>, sequence: number): Piece => ({
      ids,
      position: promptIds.length,
      parent: 0,
      labels: { sequence, counts: everyToken },
    })
    const [chosen, rejected] = [completion(chosenIds, pair), completion(rejectedIds, rows.length + pair)]
    if (sharePrompts) return [[prompt, chosen, rejected]]
    return [
      [prompt, chosen],
      [prompt, rejected],
    ]
  })
  return { items, origins: rows.map((_, pair) => pair) }
}

interface Label {
  readonly source: number
  readonly target: number
  readonly sequence: number
  readonly offset: number
}

const layOut = (items: readonly Item[], { places, rows, length }: Placement, pairs: boolean) => {
  const cells = () => new Int32Array(rows * length)
  const [ids, positions, segments, parents] = [cells(), cells(), cells(), cells()]
  const labels: Label[] = []
  const used = new Int32Array(rows) // segments so far in each row
  items.forEach((item, i) => {
    const { row, begin } = places[i]!
    const first = used[row]! + 1
    const starts: number[] = []
    let at = row * length + begin
    item.forEach((piece, p) => {
      starts.push(at)
      const parent = first + (piece.parent ?? p)
      for (let t = 0; t < piece.ids.length; t++, at++) {
        ids[at] = piece.ids[t]!
        positions[at] = piece.position + t
        segments[at] = first + p
        parents[at] = parent
      }
      pushLabels(labels, piece, starts[p]!, piece.parent === undefined ? undefined : endOf(item, starts, piece.parent))
    })
    used[row]! += item.length
  })
  labels.sort((a, b) => a.sequence - b.sequence || a.offset - b.offset)
  const grid = (data: Int32Array) => array(data, { shape: [rows, length] })
  return {
    ids: grid(ids),
    positions: grid(positions),
    segments: grid(segments),
    ...(pairs && { parents: grid(parents) }),
    sources: vector(labels.map(({ source }) => source)),
    targets: vector(labels.map(({ target }) => target)),
    sequences: vector(labels.map(({ sequence }) => sequence)),
    offsets: vector(labels.map(({ offset }) => offset)),
  }
}

/** Place of the last token of a piece. */
const endOf = (item: Item, starts: readonly number[], piece: number): number =>
  starts[piece]! + item[piece]!.ids.length - 1

/** Labels of a piece; the first token of a completion is predicted by the last one of its prompt. */
const pushLabels = (into: Label[], { ids, labels }: Piece, start: number, before: number | undefined): void => {
  if (!labels) return
  let offset = 0
  for (let t = 0; t < ids.length; t++) {
    const source = t > 0 ? start + t - 1 : before
    if (source === undefined || !labels.counts(t)) continue
    into.push({ source, target: ids[t]!, sequence: labels.sequence, offset: offset++ })
  }
}

const vector = (values: readonly number[]): NdArray => array(Int32Array.from(values))
