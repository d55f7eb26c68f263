import type { NdArray } from '@qilin-med/tensor'
import type { ModelConfig } from '../config/types'

/** Keys and values of one layer as arrays, [B, G, T, E] each. */
export interface KeyValueArrays {
  readonly key: NdArray
  readonly value: NdArray
}

/**
 * Keys and values of the tokens that a batch has read, in buffers with room for more, so that a new token is written beside the
 * others instead of copying them all.
 */
export interface KeyValueCache {
  /** Rows that are still there. */
  rows: number
  /** Columns written. */
  length: number
  /** Columns there is room for. */
  capacity: number
  /** A pair a layer, [rows, G, capacity, E] each. */
  layers: { key: Float32Array; value: Float32Array }[]
  /** Position of each column's token, [rows, capacity]. */
  positions: Int32Array
  /** 1 where a column counts, 0 where it is padding or free, [rows, capacity]. */
  valid: Int32Array
  /** Key/value heads. */
  readonly groups: number
  readonly headSize: number
}

/** Columns that are added at once; programs compute over free columns too, so there are never many. */
const step = 64

const roomFor = (columns: number): number => Math.max(1, Math.ceil(columns / step) * step)

/** A cache without tokens. It has one free column, because programs take no empty arrays. */
export const emptyCache = (config: ModelConfig, rows: number): KeyValueCache => {
  const size = rows * config.keyValueHeads * config.headSize
  return {
    rows,
    length: 0,
    capacity: 1,
    layers: Array.from({ length: config.layers }, () => ({
      key: new Float32Array(size),
      value: new Float32Array(size),
    })),
    positions: new Int32Array(rows),
    valid: new Int32Array(rows),
    groups: config.keyValueHeads,
    headSize: config.headSize,
  }
}

/**
 * Writes the keys and values of new tokens behind the others.
 *
 * @param positions of the new tokens, [rows, T]
 * @param valid     1 for tokens, 0 for padding, [rows, T]
 */
export const appendToCache = (
  cache: KeyValueCache,
  fresh: readonly KeyValueArrays[],
  positions: Int32Array,
  valid: Int32Array,
): void => {
  const { rows, groups, headSize, length } = cache
  const columns = positions.length / rows
  if (length + columns > cache.capacity) grow(cache, roomFor(length + columns))
  const { capacity } = cache
  for (let row = 0; row < rows; row++) {
    const own = row * columns
    cache.positions.set(positions.subarray(own, own + columns), row * capacity + length)
    cache.valid.set(valid.subarray(own, own + columns), row * capacity + length)
  }
  const width = columns * headSize
  fresh.forEach(({ key, value }, layer) => {
    const target = cache.layers[layer]!
    for (let head = 0; head < rows * groups; head++) {
      const to = (head * capacity + length) * headSize
      target.key.set((key.data as Float32Array).subarray(head * width, (head + 1) * width), to)
      target.value.set((value.data as Float32Array).subarray(head * width, (head + 1) * width), to)
    }
  })
  cache.length += columns
}

/** Makes the cache `capacity` columns wide. */
const grow = (cache: KeyValueCache, capacity: number): void => {
  const { rows, groups, headSize } = cache
  const wider = <A extends Float32Array | Int32Array>(from: A, count: number, width: number): A => {
    const to = new (from.constructor as new (length: number) => A)(count * capacity * width)
    const used = cache.capacity * width
    for (let i = 0; i < count; i++) to.set(from.subarray(i * used, (i + 1) * used), i * capacity * width)
    return to
  }
  cache.layers = cache.layers.map(({ key, value }) => ({
    key: wider(key, rows * groups, headSize),
    value: wider(value, rows * groups, headSize),
  }))
  cache.positions = wider(cache.positions, rows, 1)
  cache.valid = wider(cache.valid, rows, 1)
  cache.capacity = capacity
}

/** Drops all rows but these, which are numbers of present rows in rising order. */
export const keepRows = (cache: KeyValueCache, kept: readonly number[]): void => {
  const { capacity, groups, headSize } = cache
  const move = (data: Float32Array | Int32Array, width: number): void => {
    kept.forEach((from, to) => {
      if (from !== to) data.copyWithin(to * width, from * width, (from + 1) * width)
    })
  }
  for (const { key, value } of cache.layers) {
    move(key, groups * capacity * headSize)
    move(value, groups * capacity * headSize)
  }
  move(cache.positions, capacity)
  move(cache.valid, capacity)
  cache.rows = kept.length
}

/** The cache as arguments of a program, without a copy. */
export const cacheArrays = (
  cache: KeyValueCache,
): { readonly pastPositions: NdArray; readonly pastValid: NdArray; readonly past: readonly KeyValueArrays[] } => {
  const { rows, capacity, groups, headSize } = cache
  const wide = (data: Float32Array): NdArray => {
    const shape = [rows, groups, capacity, headSize]
    return { dtype: 'float32', shape, data: data.subarray(0, rows * groups * capacity * headSize) }
  }
  const flat = (data: Int32Array): NdArray => {
    return { dtype: 'int32', shape: [rows, capacity], data: data.subarray(0, rows * capacity) }
  }
  return {
    pastPositions: flat(cache.positions),
    pastValid: flat(cache.valid),
    past: cache.layers.map(({ key, value }) => ({ key: wide(key), value: wide(value) })),
  }
}

/** A copy of the first `columns` columns of a cache. */
export const cacheHead = (cache: KeyValueCache, columns: number): KeyValueCache => {
  const { rows, groups, headSize, capacity } = cache
  const first = <A extends Float32Array | Int32Array>(from: A, count: number, width: number): A => {
    const to = new (from.constructor as new (length: number) => A)(count * columns * width)
    for (let i = 0; i < count; i++) {
      const begin = i * capacity * width
      to.set(from.subarray(begin, begin + columns * width), i * columns * width)
    }
    return to
  }
  return {
    ...cache,
    length: columns,
    capacity: columns,
    layers: cache.layers.map(({ key, value }) => ({
      key: first(key, rows * groups, headSize),
      value: first(value, rows * groups, headSize),
    })),
    positions: first(cache.positions, rows, 1),
    valid: first(cache.valid, rows, 1),
  }
}

/** Bytes of the cache's buffers. */
export const cacheBytes = ({ layers, positions, valid }: KeyValueCache): number =>
  layers.reduce((sum, { key, value }) => sum + key.byteLength + value.byteLength, 0) +
  positions.byteLength +
  valid.byteLength
