import { ChimedError } from '../errors'
import { instantiate, type WasmMemory } from '../wasm-host'
import { windowsWasm } from './windows.wasm'

/** A text as bytes, or as numbers from 0. */
export type Symbols = Uint8Array | Uint16Array | Uint32Array

/** A half-open range of a text. */
export type Range = readonly [from: number, to: number]

/** Options of the searches for windows. */
export interface WindowOptions {
  /** Symbols of a window, the shortest duplicate that is found. */
  readonly length: number
}

/** Windows that occur more than once in texts that lie one after another. Bit i, the lowest of a word first, stands for the window at symbol i. */
export interface DuplicatedWindows {
  /** Symbols of all texts together. */
  readonly symbols: number
  /** Every place whose window occurs elsewhere too. */
  readonly all: Uint32Array
  /** The same without the first place of each group of equal windows. */
  readonly later: Uint32Array
}

/** Most bytes of text of one call: it must fit with its anchors in the 4 GiB of a WebAssembly memory. */
export const maxWindowBytes = 1_500_000_000

/**
 * Windows of `length` symbols inside one of the texts that occur elsewhere too, in the same text or another. What is found is what neighbours in
 * a suffix array with `length` symbols in common are (Lee et al. 2022); how it is found is not: windows are compared only where the n-gram with
 * the least hash in them, their anchor, is the same (winnowing, Schleimer et al. 2003). So the time is linear and the memory, beside the
 * texts, about one byte a symbol.
 *
 * @param texts  all of one kind; texts shorter than `length` have no window
 * @throws ChimedError `option` for a length below 1, texts of different kinds, or more than `maxWindowBytes`
 */
export function duplicatedWindows(texts: readonly Symbols[], { length }: WindowOptions): DuplicatedWindows {
  requireLength(length)
  const width = requireOneKind(texts)
  const symbols = texts.reduce((sum, text) => sum + text.length, 0)
  if (symbols * width > maxWindowBytes)
    throw new ChimedError(
      'option',
      `duplicatedWindows: expected at most ${maxWindowBytes} bytes, got ${symbols * width}. Work on parts, or use windowPartitions.`,
    )
  const { memory, exports } = instantiate<Exports>(windowsWasm, 1)
  const room = roomIn(memory)
  const kernel = ofWidth(exports, width)
  const ends = copyTexts(texts, memory, room, symbols * width)
  const list = listAnchors(kernel, ends, length, room)
  const { table, next, slots } = groupAnchors(exports, list, room)
  const words = Math.ceil(symbols / 32)
  const all = room.take(words * 4)
  const later = room.take(words * 4)
  for (let from = 0; from < slots; from += callSize)
    kernel.mark(0, length, list.address, table, from, Math.min(slots, from + callSize), next, all, later, room.end())
  const bits = (address: number): Uint32Array => new Uint32Array(memory.buffer, address, words).slice()
  return { symbols, all: bits(all), later: bits(later) }
}

/** Symbols or slots of a call: V8 replaces the baseline code of a function between calls only. */
const callSize = 1 << 17

/** Symbols of the n-gram that makes an anchor: long ones are rarely alike by chance, short ones make fewer anchors. */
const gramOf = (length: number): number => Math.max(1, Math.floor(length / 2))

type Mark = (
  text: number,
  length: number,
  list: number,
  table: number,
  from: number,
  to: number,
  next: number,
  all: number,
  later: number,
  work: number,
) => void

type Anchors = (
  text: number,
  from: number,
  to: number,
  length: number,
  gram: number,
  ring: number,
  mask: number,
  out: number,
) => number

interface Exports {
  anchorsOfBytes: Anchors
  anchorsOfShorts: Anchors
  anchorsOfWords: Anchors
  groupAnchors(list: number, from: number, to: number, table: number, slots: number, next: number): void
  markBytes: Mark
  markShorts: Mark
  markWords: Mark
}

interface Kernel {
  readonly anchors: Anchors
  readonly mark: Mark
}

const ofWidth = (exports: Exports, width: number): Kernel =>
  width === 1
    ? { anchors: exports.anchorsOfBytes, mark: exports.markBytes }
    : width === 2
      ? { anchors: exports.anchorsOfShorts, mark: exports.markShorts }
      : { anchors: exports.anchorsOfWords, mark: exports.markWords }

/** Gives out the memory of a kernel from below. */
interface Room {
  /** The address of `bytes` fresh bytes, all zero. */
  take(bytes: number): number
  /** The first address that is free. */
  end(): number
}

function roomIn(memory: WasmMemory): Room {
  let end = 0
  return {
    take: (bytes) => {
      const address = Math.ceil(end / 16) * 16
      end = address + bytes
      const missing = end - memory.buffer.byteLength
      if (missing > 0) memory.grow(Math.ceil(missing / 65536))
      return address
    },
    end: () => end,
  }
}

/** Puts the texts at address 0; returns where each ends, in symbols. */
function copyTexts(texts: readonly Symbols[], memory: WasmMemory, room: Room, bytes: number): number[] {
  room.take(bytes)
  const target = new Uint8Array(memory.buffer)
  let at = 0
  return texts.map((text) => {
    target.set(new Uint8Array(text.buffer, text.byteOffset, text.byteLength), at)
    at += text.byteLength
    return at / text.BYTES_PER_ELEMENT
  })
}

interface AnchorList {
  readonly address: number
  readonly count: number
}

const anchorBytes = 16

function listAnchors(kernel: Kernel, ends: readonly number[], length: number, room: Room): AnchorList {
  const gram = gramOf(length)
  const ring = 2 ** Math.ceil(Math.log2(length - gram + 2))
  const ringAt = room.take(ring * 8)
  const address = room.take(0)
  let out = address
  let start = 0
  for (const end of ends) {
    for (let from = start; from + length <= end; from += callSize) {
      const to = Math.min(end, from + callSize + length - 1)
      out = kernel.anchors(0, from, to, length, gram, ringAt, ring - 1, out) >>> 0
    }
    start = end
  }
  room.take(out - address)
  return { address, count: (out - address) / anchorBytes }
}

function groupAnchors(
  kernel: Exports,
  { address, count }: AnchorList,
  room: Room,
): { readonly table: number; readonly next: number; readonly slots: number } {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(16, count * 1.5)))
  const table = room.take(slots * 4)
  const next = room.take(count * 4)
  for (let from = 0; from < count; from += callSize)
    kernel.groupAnchors(address, from, Math.min(count, from + callSize), table, slots, next)
  return { table, next, slots }
}

function requireLength(length: number): void {
  if (Number.isInteger(length) && length >= 1) return
  throw new ChimedError(
    'option',
    `duplicatedWindows: expected a length of 1 or more, got ${length}. Give the shortest duplicate to look for.`,
  )
}

/** Bytes of a symbol. */
function requireOneKind(texts: readonly Symbols[]): number {
  const widths = new Set(texts.map((text) => text.BYTES_PER_ELEMENT))
  if (widths.size <= 1) return widths.values().next().value ?? 1
  throw new ChimedError(
    'option',
    `duplicatedWindows: expected texts of one kind, got symbols of ${[...widths].join(' and ')} bytes. Convert them to one kind.`,
  )
}

/**
 * Ranges covered by windows of `length` symbols that occur at two places of the text or more, overlaps included; touching and overlapping windows are
 * one range. The text and about two and a half bytes of memory a symbol.
 *
 * @see Lee et al. 2022, Deduplicating training data makes language models better (https://arxiv.org/abs/2107.06499)
 */
export const duplicatedRanges = (text: Symbols, options: WindowOptions): Range[] =>
  windowRanges(duplicatedWindows([text], options).all, [0, text.length], options.length)

/** What windows of `length` symbols that begin at the set bits in [from, to) cover; touching and overlapping windows are one range. */
export function windowRanges(bits: Uint32Array, [from, to]: Range, length: number): Range[] {
  const ranges: [number, number][] = []
  let last: [number, number] | undefined
  for (let start = nextBit(bits, from, to, 0); start < to; ) {
    const end = nextBit(bits, start, to, -1)
    if (last && start <= last[1]) last[1] = end - 1 + length
    else ranges.push((last = [start, end - 1 + length]))
    start = nextBit(bits, end, to, 0)
  }
  return ranges
}

/** The first place in [from, to) whose bit is set, or with `flip` -1 is not; `to` when there is none. */
function nextBit(bits: Uint32Array, from: number, to: number, flip: 0 | -1): number {
  let word = from >>> 5
  let rest = (bits[word]! ^ flip) & (-1 << (from & 31))
  while (rest === 0 && ++word * 32 < to) rest = bits[word]! ^ flip
  return rest === 0 ? to : Math.min(to, word * 32 + 31 - Math.clz32(rest & -rest))
}

/** Number of bits that are set. */
export function countBits(words: Uint32Array): number {
  let count = 0
  for (const word of words) for (let bits = word; bits !== 0; bits &= bits - 1) count++
  return count
}
