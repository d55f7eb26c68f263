import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { array, type NdArray } from '../array'
import { compile } from '../compile'
import { dimension } from '../dimension'
import { categorical, dropout, normal, randomWords, uniform } from '../ops/random'
import { broadcastTo } from '../ops/reshape'
import type { Runtime } from '../runtime'
import { nodeRuntime } from '../runtimes/node'
import { referenceRuntime } from '../runtimes/reference'
import { constant, f32, i64, input, type Tensor } from '../tensor'
import { fillNormal, fillUniform, foldIn, type RandomKey, randomKey, threefry } from './threefry'

const hex = (words: readonly number[]) => words.map((word) => word.toString(16).padStart(8, '0'))
const keyArray = (key: RandomKey): NdArray => array([...key], { dtype: 'int64' })
const moments = (data: ArrayLike<number>) => {
  const mean = Array.from(data).reduce((a, b) => a + b, 0) / data.length
  return { mean, variance: Array.from(data).reduce((a, b) => a + (b - mean) ** 2, 0) / data.length }
}

describe('threefry', () => {
  test('equals the published vectors of Threefry-2x32-20', () => {
    expect(hex(threefry([0, 0], 0, 0))).toEqual(['6b200159', '99ba4efe'])
    const ones = 0xffffffff
    expect(hex(threefry([ones, ones], ones, ones))).toEqual(['1cb996fc', 'bb002be7'])
    expect(hex(threefry([0x13198a2e, 0x03707344], 0x243f6a88, 0x85a308d3))).toEqual(['c4923a9c', '483df7a0'])
  })

  test('keys differ for seeds above and below 2^32, and for every number folded in', () => {
    expect(randomKey(5)).toEqual([0, 5])
    expect(randomKey(2 ** 32 + 5)).toEqual([1, 5])
    const keys = [0, 1, 2, 2 ** 32, 2 ** 32 + 1].map((data) => foldIn(randomKey(5), data).join())
    expect(new Set(keys).size).toBe(5)
  })

  test('fills are in range, have the moments of their distribution, and begin alike for every length', () => {
    const even = fillUniform(randomKey(3), new Float32Array(20_001), -1, 3)
    expect(even.every((value) => value >= -1 && value < 3)).toBe(true)
    expect(Math.abs(moments(even).mean - 1)).toBeLessThan(0.03) // 4 deviations of the mean
    const bell = fillNormal(randomKey(4), new Float32Array(20_001), 2)
    expect(Math.abs(moments(bell).mean)).toBeLessThan(0.06)
    expect(Math.abs(moments(bell).variance - 4)).toBeLessThan(0.16)
    expect([...fillNormal(randomKey(4), new Float32Array(3), 2)]).toEqual([...bell.subarray(0, 3)])
  })
})

describe('random numbers of programs', () => {
  let node: Runtime
  const reference = referenceRuntime()
  beforeAll(async () => {
    node = await nodeRuntime({ threads: 1 })
  })
  afterAll(async () => {
    await node.dispose()
    await reference.dispose()
  })

  const key = keyArray(foldIn(randomKey(42), 7))
  const shape = [dimension('B'), 3]
  const x = (rows: number) => array(new Float32Array(rows * 3).fill(1), { shape: [rows, 3] })
  const draw = (fn: (key: Tensor, x: Tensor) => Tensor, runtime: Runtime, rows: number) =>
    compile(fn, { runtime, inputs: [i64(2), f32('B', 3)] })(key, x(rows))

  test.each([0, 1, 5])('words are equal on both runtimes and equal to threefry, for %i rows', async (rows) => {
    const words = (k: Tensor) => randomWords(k, shape)[1]
    const [a, b] = [await draw(words, node, rows), await draw(words, reference, rows)]
    const expected = Array.from({ length: rows * 3 }, (_, i) => BigInt(threefry(foldIn(randomKey(42), 7), i, 0)[1]))
    expect([...a.data]).toEqual(expected)
    expect([...b.data]).toEqual(expected)
  })

  test('uniform numbers are equal on both runtimes; normal ones to float32 accuracy', async () => {
    const even = (k: Tensor) => uniform(k, shape)
    expect(Array.from((await draw(even, node, 50)).data, Number)).toEqual(
      Array.from((await draw(even, reference, 50)).data, Number),
    )
    const bell = (k: Tensor) => normal(k, shape)
    const [a, b] = [await draw(bell, node, 50), await draw(bell, reference, 50)]
    Array.from(a.data, Number).forEach((value, i) => {
      expect(Math.abs(value - Number(b.data[i]))).toBeLessThan(1e-5)
    })
  })

  test('dropout has one mask on both runtimes, keeps the expected share and scales what it keeps', async () => {
    const drop = (k: Tensor, t: Tensor) => dropout(t, 0.25, k)
    const a = Array.from((await draw(drop, node, 2000)).data, Number)
    const b = Array.from((await draw(drop, reference, 2000)).data, Number)
    expect(a.map((value) => value !== 0)).toEqual(b.map((value) => value !== 0))
    const kept = a.filter((value) => value !== 0)
    expect(Math.abs(kept.length / 6000 - 0.75)).toBeLessThan(0.0224) // 4 deviations
    expect(new Set(kept)).toEqual(new Set([Math.fround(4 / 3)]))
  })

  test('categorical draws one index on both runtimes, as often as its softmax says, and never one of −Infinity', async () => {
    const logits = [Math.log(0.5), Math.log(0.3), Math.log(0.2), Number.NEGATIVE_INFINITY]
    const sample = (k: Tensor, t: Tensor) =>
      categorical(k, broadcastTo(constant(array(logits)), [t.shape[0]!, logits.length]))
    const [a, b] = [await draw(sample, node, 4000), await draw(sample, reference, 4000)]
    expect([...a.data]).toEqual([...b.data])
    const share = (index: number) => Array.from(a.data, Number).filter((drawn) => drawn === index).length / 4000
    logits.forEach((logit, index) => {
      const p = Math.exp(logit)
      expect(Math.abs(share(index) - p)).toBeLessThanOrEqual(4 * Math.sqrt((p * (1 - p)) / 4000)) // 4 deviations
    })
  })

  test('dropout of rate 0 is the operand itself', () => {
    const x = input('x', f32(3))
    expect(dropout(x, 0, input('key', i64(2)))).toBe(x)
  })
})
