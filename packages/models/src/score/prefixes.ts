import { cacheBytes, cacheHead, type KeyValueCache } from '../cache/key-values'
import { commonLength } from './share'

/** Which function a beginning was computed by. */
export interface ComputedBy {
  /** The programs: adapters of other structures have others. */
  readonly programs: object
  /** Tells the adapter's values from others. */
  readonly values: number
}

/** Keys and values of a beginning. */
export interface Prefix {
  readonly by: ComputedBy
  readonly ids: readonly number[]
  readonly cache: KeyValueCache
}

/** Computed beginnings, the latest used kept longest. */
export interface PrefixStore {
  /** The stored beginning by this function that shares most leading tokens with `ids`, and how many. */
  find(ids: readonly number[], by: ComputedBy): { readonly prefix: Prefix; readonly length: number } | undefined
  add(prefix: Prefix): void
  clear(): void
}

/** A store of at most `maxBytes` of keys and values; the latest one is always kept. */
export const prefixStore = (maxBytes: number): PrefixStore => {
  let kept: Prefix[] = [] // latest last
  return {
    find(ids, by) {
      const lengths = kept.map((prefix) => (isSame(prefix.by, by) ? commonLength(prefix.ids, ids) : 0))
      const length = Math.max(0, ...lengths)
      if (length === 0) return undefined
      const [prefix] = kept.splice(lengths.lastIndexOf(length), 1)
      kept.push(prefix!)
      return { prefix: prefix!, length }
    },
    add(prefix) {
      // What the new one begins with is found in it from now on.
      kept = kept.filter(({ ids, by }) => !isSame(by, prefix.by) || commonLength(ids, prefix.ids) < ids.length)
      kept.push(prefix)
      let bytes = kept.reduce((sum, { cache }) => sum + cacheBytes(cache), 0)
      while (bytes > maxBytes && kept.length > 1) bytes -= cacheBytes(kept.shift()!.cache)
    },
    clear() {
      kept = []
    },
  }
}

const isSame = (a: ComputedBy, b: ComputedBy): boolean => a.programs === b.programs && a.values === b.values

/** The first `length` tokens of a beginning, without a copy where that is all of it. */
export const prefixHead = (prefix: Prefix, length: number): Prefix =>
  length === prefix.ids.length
    ? prefix
    : { ...prefix, ids: prefix.ids.slice(0, length), cache: cacheHead(prefix.cache, length) }
