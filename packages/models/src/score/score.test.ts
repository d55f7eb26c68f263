import { add, linear, type Tensor } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import type { Network } from '../network'
import { tinyModel } from '../test/tiny-model'
import { scoreBatches } from './rows'
import { createScorer } from './score'

describe('rows', () => {
  const request = { prompt: [5, 6], continuations: [[7, 8], [9], []] }

  it('hold a prompt once, followed by its continuations', () => {
    const [batch, ...rest] = [...scoreBatches([request], { batchTokens: 100 })]
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
    const [both] = [...scoreBatches([short, request], { batchTokens: 10 })]
    expect(both!.arrays.segments.shape).toEqual([2, 5])
    expect([...(both!.arrays.segments.data as Int32Array).subarray(5)]).toEqual([1, 2, 0, 0, 0])
    const row = (length: number) => ({ prompt: Array.from({ length: length - 1 }, () => 1), continuations: [[2]] })
    const shapes = (lengths: readonly number[]) =>
      [...scoreBatches(lengths.map(row), { batchTokens: 4096 })].map(({ arrays }) => arrays.ids.shape)
    expect(shapes([300, 100, 290, 95])).toEqual([
      [2, 300], // enough for a call: short rows would be padded to three times their length
      [2, 100],
    ])
    expect(shapes([300, 100])).toEqual([[2, 300]])
    expect([...scoreBatches([short, request], { batchTokens: 9 })].map(({ arrays }) => arrays.ids.shape)).toEqual([
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
        const [first] = await scorer.score([{ prompt, continuations: [continuation.slice(0, 1)] }])
        expect(together[i]![j]!.firstLogProb).toBeCloseTo(first![0]!.logProb, 6)
      }
  })
})

describe.each(['qwen2', 'mistral', 'gpt2'] as const)('%s, with a header before each question', (family) => {
  const model = tinyModel(family)
  const header = Array.from({ length: family === 'gpt2' ? 20 : 80 }, (_, i) => (i * 7) % 13) // gpt2 has 32 positions
  const requests = Array.from({ length: 5 }, (_, i) => ({
    prompt: [...header, i, 12 - i, 3],
    continuations: [[4], [5, 6], [7], [8]],
  }))

  it('gives the scores of each continuation alone, from fewer tokens', async () => {
    const scorer = createScorer(model)
    const together = await scorer.score(requests)
    expect(scorer.work.alone / scorer.work.computed).toBeGreaterThan(8)
    const single = createScorer(model)
    for (const [i, { prompt, continuations }] of requests.entries())
      for (const [j, continuation] of continuations.entries()) {
        const [alone] = await single.score([{ prompt, continuations: [continuation] }])
        expect(together[i]![j]!.logProb).toBeCloseTo(alone![0]!.logProb, 6) // the reference runtime rounds to float32 once
      }
  })

  it('computes a header once for all calls', async () => {
    const scorer = createScorer(model)
    const first = await scorer.score(requests.slice(0, 4))
    const before = scorer.work.computed
    const [later] = await scorer.score(requests.slice(4))
    if (family !== 'gpt2') expect(scorer.work.computed - before).toBe(3 + 5)
    const whole = await createScorer(model).score(requests)
    for (const [i, scores] of [...first, later!].entries())
      scores.forEach(({ logProb }, j) => {
        expect(logProb).toBeCloseTo(whole[i]![j]!.logProb, 6)
      })
  })

  it('keeps at least the latest header when memory is short, with the same scores', async () => {
    const scorer = createScorer(model, undefined, { prefixBytes: 1 })
    const other = requests.map(({ prompt, continuations }) => ({ prompt: [9, ...prompt.slice(1)], continuations }))
    const [a, b] = [
      await scorer.score([...requests, ...other]),
      await createScorer(model).score([...requests, ...other]),
    ]
    a.forEach((scores, i) => {
      scores.forEach(({ logProb }, j) => {
        expect(logProb).toBeCloseTo(b[i]![j]!.logProb, 6)
      })
    })
  })
})

describe('adapters', () => {
  const model = tinyModel('qwen2')
  const name = 'model.layers.0.self_attn.v_proj.weight'
  const adapter = {
    layout: { entries: [{ name, shape: [4, 8], offset: 0, size: 32 }], size: 32 },
    values: new Float32Array(32),
    apply: (network: Network, parameters: Readonly<Record<string, Tensor>>): Network => ({
      ...network,
      linear: (path, x) =>
        `${path}.weight` === name
          ? add(network.linear(path, x), linear(x, parameters[name]!))
          : network.linear(path, x),
    }),
  }

  it('computes a header anew when the values of the adapter have changed', async () => {
    const header = Array.from({ length: 80 }, (_, i) => (i * 5) % 13)
    const requests = [1, 2, 3].map((id) => ({ prompt: [...header, id, 4], continuations: [[5], [6]] }))
    const scorer = createScorer(model, adapter)
    const before = await scorer.score(requests)
    adapter.values.fill(0.5)
    const after = await scorer.score(requests)
    expect(after).toEqual(await createScorer(model, adapter).score(requests))
    expect(after[0]![0]!.logProb).not.toBeCloseTo(before[0]![0]!.logProb, 3)
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
