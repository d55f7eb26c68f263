import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TokenRow } from '../types'
import { type BlockOptions, packBlocks, packBlocksOf } from './blocks'

describe('packBlocksOf', () => {
  it('gives the blocks that the streaming packer gives, for any rows, sizes and tails', async () => {
    const row = fc
      .array(fc.nat({ max: 99 }), { maxLength: 12 })
      .map((ids): TokenRow => ({ inputIds: Int32Array.from(ids), labels: Int32Array.from(ids, (id) => -id) }))
    const options = fc.record({
      blockSize: fc.integer({ min: 1, max: 9 }),
      batchRows: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
      tail: fc.constantFrom('keep', 'drop', 'drop-unless-only', 'pad'),
      padId: fc.constant(0),
      firstId: fc.option(fc.constant(7), { nil: undefined }),
    }) as fc.Arbitrary<BlockOptions>
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 14 }), options, async (rows, settings) => {
        const streamed: TokenRow[] = []
        for await (const block of packBlocks(rows, settings)) streamed.push(block)
        expect(packBlocksOf(rows, settings)).toEqual(streamed)
      }),
      { numRuns: 300 },
    )
  })
})
