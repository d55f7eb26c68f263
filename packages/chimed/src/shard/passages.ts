import { mix32 } from '../dedup/minhash-js'
import { subtract, wholeCharacters, withoutRanges } from '../dedup/substring'
import type { Range } from '../dedup/windows'
import { drop } from '../sources/source'
import type { RowOutcome } from '../step'
import type { ChimedRecord, CptText, Tokenizer } from '../types'
import { anchoredWindows, roll } from './anchors'
import { chains } from './chains'
import type { Results } from './results'
import type { Bucket, Emitter, PartContext, PartResults, Place, ShardedStep } from './sharded-step'

/** A text as symbols, and back. */
interface Alphabet {
  symbols(text: string): Symbols
  cut(symbols: Symbols, ranges: readonly Range[]): Symbols
  text(symbols: Symbols): string
}
type Symbols = Uint8Array | Uint32Array

interface Passages {
  readonly length: number
  readonly keep: 'none' | 'first'
  readonly alphabet: Alphabet
}

/**
 * Removal of duplicated passages, one round a pass: windows of `length` symbols meet in a bucket by their anchors and are compared symbol by
 * symbol, so the windows found are those that a suffix array over all texts finds. Entries take about 2% of the text.
 */
export function shardedPassages({
  length,
  keep,
  passes,
  tokenizer,
}: {
  readonly length: number
  readonly keep: 'none' | 'first'
  readonly passes: number
  readonly tokenizer: Tokenizer | undefined
}): ShardedStep {
  const passages = { length, keep, alphabet: tokenizer ? tokenAlphabet(tokenizer) : byteAlphabet }
  const rounds = Array.from({ length: passes }, (_, pass) => ({
    name: `passages-${pass + 1}`,
    words: 5,
    resultWords: 3,
    emitter: (part: PartContext) => anchorEmitter(part, passages),
    reduce: (bucket: Bucket) => reduceAnchors(bucket, passages),
  }))
  return { rounds, applier: (part) => ({ row: cutter(part, passages) }) }
}

const byteAlphabet: Alphabet = {
  symbols: (text) => Buffer.from(text),
  cut: (symbols, ranges) =>
    withoutRanges(symbols as Buffer, wholeCharacters(symbols as Buffer, ranges), (parts) => Buffer.concat(parts)),
  text: (symbols) => (symbols as Buffer).toString(),
}

const tokenAlphabet = (tokenizer: Tokenizer): Alphabet => ({
  symbols: (text) => Uint32Array.from(tokenizer.encode(text, { addSpecialTokens: false })),
  cut: (symbols, ranges) =>
    withoutRanges(symbols as Uint32Array, ranges, (parts) => Uint32Array.from(parts.flatMap((part) => [...part]))),
  text: (symbols) => tokenizer.decode(symbols),
})

/** Symbols of a text after the passes whose results are given; `changed` is false when they took nothing. */
function afterPasses(text: string, index: number, results: readonly Results[], passages: Passages) {
  let symbols = passages.alphabet.symbols(text)
  let changed = false
  for (const pass of results) {
    const ranges = rangesOf(pass.of(index), passages)
    if (ranges.length === 0) continue
    const cut = passages.alphabet.cut(symbols, ranges)
    changed ||= cut.length !== symbols.length
    symbols = cut
  }
  return { symbols, changed }
}

/** Ranges to remove, from the runs of windows that the buckets found. */
function rangesOf(runs: Uint32Array, { length, keep }: Passages): Range[] {
  if (keep === 'none') return covered(runs, length, () => true)
  const later = covered(runs, length, (mark) => mark === 1)
  return subtract(
    later,
    covered(runs, length, (mark) => mark === 0),
  )
}

/** What the windows of some runs cover, touching ranges united. Runs are `[from, to, later]`, ascending. */
function covered(runs: Uint32Array, length: number, take: (later: number) => boolean): Range[] {
  const ranges: [number, number][] = []
  for (let at = 0; at < runs.length; at += 3) {
    if (!take(runs[at + 2]!)) continue
    const [from, to] = [runs[at]!, runs[at + 1]! - 1 + length]
    const last = ranges.at(-1)
    if (last && from <= last[1]) last[1] = to
    else ranges.push([from, to])
  }
  return ranges
}

function anchorEmitter({ results }: PartContext, passages: Passages): Emitter {
  const entry = new Uint32Array(5)
  return (record, index, put) => {
    if (!('text' in record)) return
    const { symbols } = afterPasses(record.text, index, results, passages)
    anchoredWindows(symbols, passages.length, ({ hash, other, anchor, from, count }) => {
      entry[0] = other // not the hash that made it an anchor: that one is always small
      entry[1] = hash
      entry[2] = anchor
      entry[3] = from
      entry[4] = count
      put(entry)
    })
  }
}

/** The windows of one entry, as symbols. */
interface Stretch {
  readonly place: Place
  readonly from: number
  readonly count: number
  /** `count + length - 1` symbols. */
  readonly symbols: Symbols
  /** Per window: 0 it occurs once, 1 it is the first of several, 2 a later one. */
  readonly marks: Uint8Array
}

function reduceAnchors(bucket: Bucket, passages: Passages): void {
  const { entries, stride } = bucket
  const { before } = chains(entries, stride, 2)
  const repeated = new Uint8Array(before.length)
  for (let entry = 0; entry < before.length; entry++)
    if (before[entry]! >= 0) repeated[entry] = repeated[before[entry]!] = 1
  const groups = new Map<number, Stretch[]>()
  const groupOf = new Int32Array(before.length)
  let last: { place: Place; symbols: Symbols } | undefined
  for (let entry = 0; entry < before.length; entry++) {
    groupOf[entry] = before[entry]! < 0 ? entry : groupOf[before[entry]!]!
    if (!repeated[entry]) continue
    const at = entry * stride
    const [from, count, part, index] = [entries[at + 3]!, entries[at + 4]!, entries[at + 5]!, entries[at + 6]!]
    if (last?.place.part !== part || last.place.index !== index) {
      const { text } = bucket.look({ part, index }) as CptText
      last = { place: { part, index }, symbols: afterPasses(text, index, bucket.results(part), passages).symbols }
    }
    const symbols = copyOf(last.symbols, from, from + count - 1 + passages.length)
    const group = groups.get(groupOf[entry]!) ?? []
    groups.set(groupOf[entry]!, group)
    group.push({ place: last.place, from, count, symbols, marks: new Uint8Array(count) })
  }
  for (const group of groups.values()) {
    markEqual(group, passages.length)
    for (const stretch of group) giveRuns(bucket, stretch)
  }
}

/** A copy: a view would keep the whole text in memory, and `slice` of a Buffer is a view. */
const copyOf = (symbols: Symbols, from: number, to: number): Symbols =>
  symbols instanceof Uint8Array ? new Uint8Array(symbols.subarray(from, to)) : symbols.slice(from, to)

/** Marks windows that occur in several stretches; a window is known by its hash and then compared symbol by symbol. */
function markEqual(group: readonly Stretch[], length: number): void {
  const seen = new Map<number, { stretch: Stretch; window: number }[]>()
  for (const stretch of group) {
    roll(stretch.symbols, length, (window, a, b) => {
      const key = mix32(a) * 0x200000 + (mix32(b) >>> 11)
      const alike = seen.get(key)
      const first = alike?.find((other) => equalWindows(other.stretch, other.window, stretch, window, length))
      if (first) {
        first.stretch.marks[first.window] ||= 1
        stretch.marks[window] = 2
      } else if (alike) alike.push({ stretch, window })
      else seen.set(key, [{ stretch, window }])
    })
  }
}

function equalWindows(a: Stretch, atA: number, b: Stretch, atB: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a.symbols[atA + i] !== b.symbols[atB + i]) return false
  return true
}

/** Windows with the same mark, one behind the other, as `[from, to, later]`. */
function giveRuns(bucket: Bucket, { place, from, count, marks }: Stretch): void {
  for (let start = 0, end = 0; start < count; start = end) {
    while (end < count && marks[end] === marks[start]) end++
    if (marks[start] !== 0) bucket.give(place, [from + start, from + end, marks[start]! - 1])
  }
}

function cutter({ results }: PartResults, passages: Passages) {
  return <T extends ChimedRecord>(record: T, index: number): RowOutcome<T> => {
    if (!('text' in record)) return { record }
    const { symbols, changed } = afterPassesIfAny(record.text, index, results, passages)
    const text = changed ? passages.alphabet.text(symbols) : record.text
    if (text === record.text) return { record }
    if (text.trim() === '') return drop('all-duplicated', 'every passage occurs elsewhere')
    const reason = `${record.text.length - text.length} characters that occur elsewhere`
    return { record: { ...record, text }, changed: { code: 'passage-removed', reason } }
  }
}

/** Most texts keep everything; those are not taken apart. */
function afterPassesIfAny(text: string, index: number, results: readonly Results[], passages: Passages) {
  const any = results.some((pass) => pass.of(index).length > 0)
  return any ? afterPasses(text, index, results, passages) : { symbols: new Uint8Array(0), changed: false }
}
