import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { array, type NdArray } from '../array'
import { TensorError } from '../errors'
import { costAt, programCost } from '../program-cost'
import { evaluateProgram } from '../reference/evaluate'
import { bool, f32, i64, type Tensor } from '../tensor'
import { trace } from '../trace'
import { type AttentionLayout, attention, attentionMask } from './attention'
import { arange } from './dimension-size'

interface Token {
  readonly segment: number
  readonly parent: number
  readonly prefix: boolean
  readonly position: number
}

/** The rule in words: own or parent segment, not later unless the other is prefix, inside the window. */
const sees = (row: readonly Token[], query: number, key: number, window: number): boolean => {
  const [from, to] = [row[query]!, row[key]!]
  const family = to.segment === from.segment || to.segment === from.parent
  return family && (key <= query || to.prefix) && to.position > from.position - window
}

const values = (fn: (...tensors: Tensor[]) => Tensor, inputs: readonly NdArray[]): number[] => {
  const types = inputs.map(({ dtype, shape }) => (dtype === 'bool' ? bool(...shape) : i64(...shape)))
  const [result] = evaluateProgram(trace(fn, types as never).program, inputs, new Map())
  return Array.from(result!.data as Float64Array)
}

describe('attentionMask', () => {
  test('is 0 where a token sees another and −1e9 elsewhere, for random documents, parents, prefixes and windows', () => {
    const token = fc.record({
      segment: fc.nat(2),
      parent: fc.nat(2),
      prefix: fc.boolean(),
      position: fc.nat(4),
    })
    const rows = fc.array(fc.array(token, { minLength: 5, maxLength: 5 }), { minLength: 1, maxLength: 3 })
    const property = fc.property(rows, fc.integer({ min: 1, max: 6 }), (batch, window) => {
      const shape = [batch.length, 5]
      const column = (value: (token: Token) => number, dtype: 'int64' | 'bool' = 'int64') =>
        array(batch.flat().map(value), { dtype, shape })
      const inputs = [
        column(({ position }) => position),
        column(({ segment }) => segment),
        column(({ parent }) => parent),
        column(({ prefix }) => Number(prefix), 'bool'),
      ]
      const mask = (positions: Tensor, segments: Tensor, parents: Tensor, prefix: Tensor) =>
        attentionMask(arange(5), { positions, segments, parents, prefix }, { window })
      const expected = batch.flatMap((row) =>
        row.flatMap((_, query) => row.map((_, key) => (sees(row, query, key, window) ? 0 : -1e9))),
      )
      expect(values(mask as never, inputs)).toEqual(expected)
    })
    fc.assert(property, { seed: 3, numRuns: 100 })
  })

  const pattern = (
    layout: (positions: Tensor, tokens: Tensor) => AttentionLayout,
    tokens: number[],
    window?: number,
  ) => {
    const shape = [1, tokens.length]
    const positions = array(
      tokens.map((_, i) => i),
      { dtype: 'int64', shape },
    )
    const fn = (p: Tensor, t: Tensor) =>
      attentionMask(arange(tokens.length), layout(p, t), window === undefined ? {} : { window })
    const mask = values(fn as never, [positions, array(tokens, { dtype: 'int64', shape })])
    return tokens.map((_, row) =>
      mask
        .slice(row * tokens.length, (row + 1) * tokens.length)
        .map((value) => (value === 0 ? 'x' : '.'))
        .join(''),
    )
  }

  test('alone is causal', () => {
    expect(pattern((positions) => ({ positions }), [1, 1, 1])).toEqual(['x..', 'xx.', 'xxx'])
  })

  test('with a window sees that many positions, itself included', () => {
    expect(pattern((positions) => ({ positions }), [1, 1, 1, 1], 2)).toEqual(['x...', 'xx..', '.xx.', '..xx'])
  })

  test('with segments keeps packed documents apart', () => {
    expect(pattern((positions, segments) => ({ positions, segments }), [1, 1, 2, 2])).toEqual([
      'x...',
      'xx..',
      '..x.',
      '..xx',
    ])
  })
})

describe('attention in blocks', () => {
  const program = (blocks: number) => {
    const fn = (q: Tensor, mask: Tensor) => attention(q, q, q, mask, { causal: true, blocks })
    return trace(fn, [f32(1, 1, 'T', 2), f32(1, 1, 'T', 'T')]).program
  }
  const work = (blocks: number) => costAt(programCost(program(blocks)), { T: 64 }).flops

  test('leaves out pairs: (n + 1) / 2n of the products remain', () => {
    const products = 2 * 2 * 64 * 64 * 2 // scores and results of 64 tokens in two dimensions
    expect(work(1) - work(4)).toBeGreaterThanOrEqual((products * 3) / 8)
    expect(work(4) - work(16)).toBeGreaterThanOrEqual((products * 3) / 32)
  })

  test.each([0, -1, 1.5, Number.NaN])('refuses %s blocks', (blocks) => {
    expect(() => program(blocks)).toThrow(TensorError)
    expect(() => program(blocks)).toThrow('attention: blocks must be an integer of at least 1')
  })
})
