import { describe, expect, it } from 'vitest'
import { tinyModel } from '../test/tiny-model'
import { scoreBatches } from './rows'
import { createScorer } from './score'

describe('rows', () => {
  const request = { prompt: [5, 6], continuations: [[7, 8], [9], []] }

  it('hold a prompt once, followed by its continuations', () => {
    const [batch, ...rest] = [...scoreBatches([request], 100)]
    const { ids, positions, segments, parents, sources, targets } = batch!.arrays
    expect(rest).toEqual([])
    expect([...(ids.data as Int32Array)]).toEqual([5, 6, 7, 8, 9])
    expect([...(positions.data as Int32Array)]).toEqual([0, 1, 2, 3, 2])
    expect([...(segments.data as Int32Array)]).toEqual([1, 1, 2, 2, 3])
    expect([...(parents.data as Int32Array)]).toEqual([1, 1, 1, 1, 1])
    expect([...(sources.data as Int32Array)]).toEqual([1, 2, 1])
    expect([...(targets.data as Int32Array)]).toEqual([7, 8, 9])
    expect(batch!.owners).toEqual([
      [0, 0],
      [0, 0],
      [0, 1],
    ])
  })

  it('are padded with segment 0 and split where a batch is full', () => {
    const short = { prompt: [1], continuations: [[2]] }
    const [both] = [...scoreBatches([short, request], 10)]
    expect(both!.arrays.segments.shape).toEqual([2, 5])
    expect([...(both!.arrays.segments.data as Int32Array).subarray(5)]).toEqual([1, 2, 0, 0, 0])
    expect([...scoreBatches([short, request], 9)].map(({ arrays }) => arrays.ids.shape)).toEqual([
      [1, 5],
      [1, 2],
    ])
  })
})

describe.each(['qwen2', 'mistral', 'gpt2'] as const)('%s', (family) => {
  const scorer = createScorer(tinyModel(family))

  it('scores continuations together as it scores them alone', async () => {
    const requests = [
      { prompt: [3, 4, 5], continuations: [[6, 7], [8], [9, 10, 11]] },
      { prompt: [12], continuations: [[1]] },
    ]
    const together = await scorer.score(requests)
    for (const [i, { prompt, continuations }] of requests.entries())
      for (const [j, continuation] of continuations.entries()) {
        const [alone] = await scorer.score([{ prompt, continuations: [continuation] }])
        expect(together[i]![j]!.logProb).toBeCloseTo(alone![0]!.logProb, 6)
        expect(together[i]![j]!.tokens).toBe(continuation.length)
      }
  })
})

describe('edges', () => {
  const scorer = createScorer(tinyModel('qwen2'))

  it('an empty continuation has log-probability 0', async () => {
    expect(await scorer.score([{ prompt: [1], continuations: [[], [3]] }])).toMatchObject([
      [{ logProb: 0, tokens: 0 }, { tokens: 1 }],
    ])
  })

  it('an empty prompt is refused', async () => {
    await expect(scorer.score([{ prompt: [], continuations: [[3]] }])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ModelsError: score: expected prompts of at least one token, got an empty one. Begin with a BOS token.]`,
    )
  })
})
