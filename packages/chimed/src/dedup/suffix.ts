import { ChimedError } from '../errors'
import { instantiate } from '../wasm-host'
import { suffixWasm } from './suffix.wasm'
import type { Symbols } from './windows'

interface Exports {
  sortBytes(text: number, order: number, n: number, work: number): void
  sortNumbers(text: number, order: number, n: number, symbols: number, work: number): void
}

/** Largest text of one call: it must fit with its order in the 4 GiB of a WebAssembly memory. */
export const maxSuffixBytes = 750_000_000

/**
 * Places of the suffixes of `text` in ascending order; a suffix comes before the longer ones that begin with it. Linear time; five bytes of memory
 * a byte of text (eight a number), and eight a distinct symbol.
 *
 * @throws ChimedError `option` for a text beyond `maxSuffixBytes`
 * @see Nong, Zhang and Chan 2009, Linear suffix array construction by almost pure induced-sorting
 */
export function suffixArray(text: Symbols): Int32Array {
  const symbols = text instanceof Uint16Array ? Uint32Array.from(text) : text
  const order = Math.ceil(symbols.byteLength / 16) * 16
  const work = order + Math.ceil((symbols.length * 4) / 16) * 16
  if (work > maxSuffixBytes * 5) {
    throw new ChimedError(
      'option',
      `suffixArray: expected at most ${maxSuffixBytes} bytes, got ${symbols.byteLength}. Work on parts.`,
    )
  }
  const { memory, exports: kernel } = instantiate<Exports>(suffixWasm, Math.ceil(work / 65536) + 1)
  new Uint8Array(memory.buffer).set(new Uint8Array(symbols.buffer, symbols.byteOffset, symbols.byteLength))
  const alphabet = symbols instanceof Uint8Array ? 256 : largest(symbols) + 1
  const sort = (n: number): void =>
    symbols instanceof Uint8Array
      ? kernel.sortBytes(0, order, n, work)
      : kernel.sortNumbers(0, order, n, alphabet, work)
  if (symbols.length > 8 * warmUp) for (let round = 0; round < 3; round++) sort(warmUp)
  sort(symbols.length)
  return new Int32Array(memory.buffer, order, symbols.length).slice()
}

/** V8 does not replace the baseline code of a WebAssembly function while it runs, so a few short calls get the fast code made first. */
const warmUp = 1 << 18

function largest(text: Uint32Array): number {
  let most = 0
  for (let i = 0; i < text.length; i++) if (text[i]! > most) most = text[i]!
  return most
}
