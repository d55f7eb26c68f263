import { describe, expect, it } from 'vitest'
import { mergeLengths, mergeStatistics, statistics, statisticsCounter, totals } from './statistics'
import type { ChimedRecord } from './types'

const tokenizer = { encode: (text: string) => Array.from(text, () => 0) }
const chat = (source: string, questions: number): ChimedRecord => ({
  messages: Array.from({ length: 2 * questions }, (_, i) => ({
    role: i % 2 ? ('assistant' as const) : ('user' as const),
    content: '四个字符',
  })),
  origin: { source },
})
const text = (source: string, length: number, split?: 'validation'): ChimedRecord => ({
  text: '字'.repeat(length),
  origin: { source, ...(split && { split }) },
})

describe('statistics', () => {
  it('count by corpus, source and split: samples, tokens, UTF-8 bytes, multi-turn share', () => {
    const records = [
      text('甲', 10),
      text('甲', 5),
      text('甲', 7, 'validation'),
      chat('乙', 1),
      chat('乙', 3),
      chat('乙', 2),
    ]
    expect(statistics(records, { tokenizer })).toEqual([
      { corpus: 'cpt', source: '甲', split: 'train', samples: 2, tokens: 15, bytes: 45, multiTurn: undefined },
      { corpus: 'cpt', source: '甲', split: 'validation', samples: 1, tokens: 7, bytes: 21, multiTurn: undefined },
      {
        corpus: 'sft',
        source: '乙',
        split: 'train',
        samples: 3,
        tokens: 9 + 29 + 19,
        bytes: 12 * 12 + 9,
        multiTurn: 2 / 3,
      },
    ])
    expect(statistics(records)[0]!.tokens).toBeUndefined()
  })

  it('of parts add up to those of the whole, whatever the parts', () => {
    const records = Array.from({ length: 300 }, (_, i) =>
      i % 3 ? text(`源${i % 4}`, i) : chat(`源${i % 2}`, 1 + (i % 5)),
    )
    const count = (list: readonly ChimedRecord[]) => {
      const counter = statisticsCounter({ tokenizer })
      for (const record of list) counter.add(record)
      return counter
    }
    const whole = count(records)
    for (const size of [1, 7, 100]) {
      const parts = Array.from({ length: Math.ceil(300 / size) }, (_, i) =>
        count(records.slice(i * size, (i + 1) * size)),
      )
      expect(mergeStatistics(parts.map((part) => part.rows()))).toEqual(whole.rows())
      expect(mergeLengths(parts.map((part) => part.lengths()))).toEqual(whole.lengths())
    }
  })

  it('sum up by corpus and split', () => {
    const rows = statistics([text('甲', 1), text('乙', 2), text('乙', 4, 'validation'), chat('丙', 1), chat('丁', 2)])
    expect(
      totals(rows).map(({ corpus, source, split, samples, bytes, multiTurn }) => [
        corpus,
        source,
        split,
        samples,
        bytes,
        multiTurn,
      ]),
    ).toEqual([
      ['cpt', 'total', 'train', 2, 9, undefined],
      ['cpt', 'total', 'validation', 1, 12, undefined],
      ['sft', 'total', 'train', 2, 25 + 51, 0.5],
    ])
  })

  it('put lengths into bins of powers of two', () => {
    const counter = statisticsCounter()
    for (const length of [0, 1, 2, 3, 4, 7, 8, 1023, 1024]) counter.add(text('甲', length))
    expect(counter.lengths()).toEqual([
      {
        corpus: 'cpt',
        unit: 'characters',
        bins: [
          [0, 1],
          [1, 1],
          [2, 2],
          [4, 2],
          [8, 1],
          [512, 1],
          [1024, 1],
        ],
      },
    ])
  })
})
