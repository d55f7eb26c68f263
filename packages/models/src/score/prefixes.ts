import { cacheBytes, cacheHead, type KeyValueCache } from '../cache/key-values'
import { commonLength } from './share'

/** Keys and values of a beginning. */
export interface Prefix {
  /** Tells the adapter's values that it was computed with from others. */
  readonly weights: number
  readonly ids: readonly number[]
  readonly cache: KeyValueCache
}

/** Computed beginnings, the latest used kept longest. */
export interface PrefixStore {
  /** The stored beginning of these weights that shares most leading tokens with `ids`, and how many. */
  find(ids: readonly number[], weights: number): { readonly prefix: Prefix; readonly length: number } | undefined
  add(prefix: Prefix): void
  clear(): void
}

/** A store of at most `maxBytes` of keys and values; the latest one is always kept. */
export const prefixStore = (maxBytes: number): PrefixStore => {
  let kept: Prefix[] = [] // latest last
  return {
    find(ids, weights) {
      const lengths = kept.map((prefix) => (prefix.weights === weights ? commonLength(prefix.ids, ids) : 0))
      const length = Math.max(0, ...lengths)
      if (length === 0) return undefined
      const [prefix] = kept.splice(lengths.lastIndexOf(length), 1)
      kept.push(prefix!)
      return { prefix: prefix!, length }
    },
    add(prefix) {
      // What the new one begins with is found in it from now on.
      kept = kept.filter(({ ids, weights }) => weights !== prefix.weights || commonLength(ids, prefix.ids) < ids.length)
      kept.push(prefix)
      let bytes = kept.reduce((sum, { cache }) => sum + cacheBytes(cache), 0)
      while (bytes > maxBytes && kept.length > 1) bytes -= cacheBytes(kept.shift()!.cache)
    },
    clear() {
      kept = []
    },
  }
}

/** The first `length` tokens of a beginning, without a copy where that is all of it. */
export const prefixHead = (prefix: Prefix, length: number): Prefix =>
  length === prefix.ids.length
    ? prefix
    : { ...prefix, ids: prefix.ids.slice(0, length), cache: cacheHead(prefix.cache, length) }
