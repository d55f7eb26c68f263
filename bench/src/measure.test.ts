import { describe, expect, it } from 'vitest'
import { measure, median } from './measure'
import type { BenchCase } from './suite'

/** A case whose sides return the given figures in turn and note their calls. */
const caseOf = (ours: readonly number[], peer: readonly number[], rest: Partial<BenchCase> = {}) => {
  const calls: string[] = []
  const side = (name: string, figures: readonly number[]) => {
    let next = 0
    return async (): Promise<number> => {
      calls.push(name)
      return figures[next++]!
    }
  }
  const entry: BenchCase = {
    name: 'copy 1m vs memcpy',
    unit: 'ms',
    higherIsBetter: false,
    peerName: 'memcpy',
    ours: side('ours', ours),
    peer: side('peer', peer),
    ...rest,
  }
  return { entry, calls }
}

describe('measure', () => {
  it('runs both sides alternately, leaves the warm-up out and returns medians, ranges and the ratio', async () => {
    const { entry, calls } = caseOf([99, 1, 5, 2, 4, 3], [1, 30, 10, 20, 50, 40])
    expect(await measure(entry)).toEqual({
      ours: 3,
      peer: 30,
      ratio: 10, // a cost: the peer takes ten times as long
      spread: { ours: [1, 5], peer: [10, 50] },
      rounds: 5,
    })
    expect(calls).toEqual(Array(6).fill(['ours', 'peer']).flat())
  })

  it('turns the ratio for rates, so that above 1 always means ours is better', async () => {
    const { entry } = caseOf([8, 8, 8, 8, 8, 8], [4, 4, 4, 4, 4, 4], { higherIsBetter: true })
    expect((await measure(entry)).ratio).toBe(2)
  })

  it('measures 5 rounds although the case asks for 1, and as many as a caller asks for', async () => {
    const ones = Array(8).fill(1)
    expect((await measure(caseOf(ones, ones, { rounds: 1 }).entry)).rounds).toBe(5)
    expect((await measure(caseOf(ones, ones, { rounds: 7 }).entry)).rounds).toBe(7)
    expect((await measure(caseOf(ones, ones, { rounds: 7 }).entry, { rounds: 2 })).rounds).toBe(2)
  })

  it('reports ours alone when there is no peer', async () => {
    const { entry } = caseOf([1, 1, 1, 1, 1, 1], [], { peer: undefined })
    expect(await measure(entry)).toEqual({
      ours: 1,
      peer: null,
      ratio: null,
      spread: { ours: [1, 1], peer: null },
      rounds: 5,
    })
  })

  it('refuses a figure that is no measurement, naming case and side', async () => {
    const { entry } = caseOf([1, 1], [1, Number.NaN])
    await expect(measure(entry)).rejects.toThrow('copy 1m vs memcpy: expected a figure above 0 from peer, got NaN')
    await expect(measure(caseOf([0], [1]).entry)).rejects.toThrow('from ours, got 0')
  })
})

describe('median', () => {
  it('is the middle value, or the mean of the two middle ones', () => {
    expect(median([10, 9, 1])).toBe(9)
    expect(median([10, 9, 1, 2])).toBe(5.5)
  })
})
