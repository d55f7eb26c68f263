import { ChimedError } from '../errors'
import { instantiate } from '../wasm-host'
import { suffixWasm } from './suffix.wasm'

interface Exports {
  sortBytes(text: number, order: number, n: number, work: number): void
  sortNumbers(text: number, order: number, n: number, symbols: number, work: number): void
  markDuplicateBytes(
    text: number,
    order: number,
    n: number,
    length: number,
    bits: number,
    later: number,
    work: number,
  ): void
  markDuplicateNumbers(
    text: number,
    order: number,
    n: number,
    length: number,
    bits: number,
    later: number,
    work: number,
  ): void
}

/** A text as bytes, or as numbers from 0. */
export type Symbols = Uint8Array | Uint32Array

/** Largest text of one call: it must fit with its order in the 4 GiB of a WebAssembly memory. */
export const maxSuffixBytes = 750_000_000

/** Places of the suffixes of `text` in ascending order; a suffix comes before the longer ones that begin with it. */
export function suffixArray(text: Symbols): Int32Array {
  const { memory, order } = sorted(text)
  return new Int32Array(memory.buffer, order, text.length).slice()
}

/** A half-open range of a text. */
export type Range = readonly [from: number, to: number]

/** Options of `duplicatedRanges`. */
export interface DuplicateOptions {
  /** Symbols of the shortest duplicate. */
  readonly length: number
}

/**
 * Ranges covered by windows of `length` symbols that begin at two places or more, overlaps included; touching and overlapping windows are
 * one range. Five bytes of memory per byte of text (eight per number), and eight per distinct symbol of the recursion.
 *
 * @see Lee et al. 2022, Deduplicating training data makes language models better (https://arxiv.org/abs/2107.06499)
 */
export const duplicatedRanges = (text: Symbols, options: DuplicateOptions): Range[] =>
  windowRanges(duplicatedWindows(text, options).all, options.length)

/** Places where duplicated windows begin. */
export interface DuplicatedWindows {
  /** Every place whose window begins elsewhere too, ascending. */
  readonly all: Int32Array
  /** The same without the first place of each group of equal windows. */
  readonly later: Int32Array
}

/**
 * Places at which a window of `length` symbols begins that begins elsewhere too.
 *
 * @throws ChimedError `option` for a length below 1 or a text beyond `maxSuffixBytes`
 */
export function duplicatedWindows(text: Symbols, { length }: DuplicateOptions): DuplicatedWindows {
  if (!Number.isInteger(length) || length < 1) {
    throw new ChimedError(
      'option',
      `duplicatedWindows: expected a length of 1 or more, got ${length}. Give the shortest duplicate to look for.`,
    )
  }
  if (text.length < length) return { all: new Int32Array(0), later: new Int32Array(0) }
  const { memory, kernel, order, work } = sorted(text)
  const words = Math.ceil(text.length / 32)
  const later = work + words * 4
  reserve(memory, later + words * 4)
  new Uint8Array(memory.buffer, work, words * 8).fill(0)
  const mark = text instanceof Uint8Array ? kernel.markDuplicateBytes : kernel.markDuplicateNumbers
  mark(0, order, text.length, length, work, later, later + words * 4)
  return {
    all: setBits(new Uint32Array(memory.buffer, work, words)),
    later: setBits(new Uint32Array(memory.buffer, later, words)),
  }
}

/** Windows of one length as ranges; touching and overlapping ones are united. `starts` ascend. */
export function windowRanges(starts: Int32Array, length: number): Range[] {
  const ranges: [number, number][] = []
  for (const start of starts) {
    const last = ranges.at(-1)
    if (last && start <= last[1]) last[1] = start + length
    else ranges.push([start, start + length])
  }
  return ranges
}

/** Numbers of the bits that are set, ascending. */
function setBits(words: Uint32Array): Int32Array {
  let count = 0
  for (const word of words) for (let bits = word; bits !== 0; bits &= bits - 1) count++
  const numbers = new Int32Array(count)
  let at = 0
  for (let word = 0; word < words.length; word++) {
    for (let bits = words[word]!; bits !== 0; bits &= bits - 1)
      numbers[at++] = word * 32 + 31 - Math.clz32(bits & -bits)
  }
  return numbers
}

interface Sorted {
  readonly memory: ReturnType<typeof instantiate>['memory']
  readonly kernel: Exports
  /** Address of the order; the text lies at 0. */
  readonly order: number
  /** First free address. */
  readonly work: number
}

function sorted(text: Symbols): Sorted {
  const order = Math.ceil(text.byteLength / 16) * 16
  const work = order + Math.ceil((text.length * 4) / 16) * 16
  if (work > maxSuffixBytes * 5) {
    throw new ChimedError(
      'option',
      `suffixArray: expected at most ${maxSuffixBytes} bytes, got ${text.byteLength}. Work on parts.`,
    )
  }
  const { memory, exports: kernel } = instantiate<Exports>(suffixWasm, Math.ceil(work / 65536) + 1)
  new Uint8Array(memory.buffer).set(new Uint8Array(text.buffer, text.byteOffset, text.byteLength))
  const symbols = text instanceof Uint8Array ? 256 : largest(text) + 1
  const sort = (n: number): void =>
    text instanceof Uint8Array ? kernel.sortBytes(0, order, n, work) : kernel.sortNumbers(0, order, n, symbols, work)
  if (text.length > 8 * warmUp) for (let round = 0; round < 3; round++) sort(warmUp)
  sort(text.length)
  return { memory, kernel, order, work }
}

/** V8 does not replace the baseline code of a WebAssembly function while it runs, so a few short calls get the fast code made first. */
const warmUp = 1 << 18

function reserve(memory: Sorted['memory'], bytes: number): void {
  const missing = bytes - memory.buffer.byteLength
  if (missing > 0) memory.grow(Math.ceil(missing / 65536))
}

function largest(text: Uint32Array): number {
  let most = 0
  for (let i = 0; i < text.length; i++) if (text[i]! > most) most = text[i]!
  return most
}
