import { describe, expect, it } from 'vitest'
import { createScorer } from '../score/score'
import { tinyModel } from '../test/tiny-model'
import { generationBatches } from './batches'
import { createGenerator } from './generate'

const free = { maxTokens: 6, stopIds: [] }
const prompts = [[3, 4, 5, 6], [7], [8, 9, 10]]

describe.each(['qwen2', 'mistral', 'gpt2', 'tied'] as const)('%s', (family) => {
  const model = tinyModel(family)
  const generator = createGenerator(model)

  it('gives a prompt in a batch what it gives it alone', async () => {
    const together = await generator.generate(prompts, free)
    for (const [i, prompt] of prompts.entries()) expect(await generator.generate([prompt], free)).toEqual([together[i]])
  })

  it('chooses with its cache the tokens that are likeliest without one', async () => {
    const [text] = await generator.generate([prompts[0]!], free)
    const every = Array.from({ length: 13 }, (_, id) => [id])
    const requests = text!.map((_, i) => ({ prompt: [...prompts[0]!, ...text!.slice(0, i)], continuations: every }))
    const scores = await createScorer(model).score(requests)
    scores.forEach((continuations, i) => {
      const best = Math.max(...continuations.map(({ logProb }) => logProb))
      expect(continuations[text![i]!]!.logProb).toBeCloseTo(best, 6)
      expect(continuations.reduce((sum, { logProb }) => sum + Math.exp(logProb), 0)).toBeCloseTo(1, 5)
    })
  })

  it('streams the tokens it generates', async () => {
    const streamed: number[] = []
    for await (const id of generator.stream(prompts[0]!, free)) streamed.push(id)
    expect([streamed]).toEqual(await generator.generate([prompts[0]!], free))
  })
})

describe('options', () => {
  const generator = createGenerator(tinyModel('qwen2'))

  it('stops before a stop id, and before the limit', async () => {
    const [text] = await generator.generate([prompts[0]!], free)
    const [cut] = await generator.generate([prompts[0]!], { ...free, stopIds: [text![2]!] })
    expect(cut).toEqual(text!.slice(0, text!.indexOf(text![2]!)))
    expect(await generator.generate([prompts[0]!], { ...free, maxTokens: 2 })).toEqual([text!.slice(0, 2)])
  })

  it('draws the same tokens for the same seed and others for another', async () => {
    const drawn = (seed: number) =>
      generator.generate([prompts[0]!], { maxTokens: 12, stopIds: [], temperature: 2, seed })
    expect(await drawn(1)).toEqual(await drawn(1))
    expect(await drawn(1)).not.toEqual(await drawn(2))
  })

  it('gives in small batches what it gives in one, draws included', async () => {
    for (const options of [free, { ...free, temperature: 2, seed: 3 }]) {
      const whole = await generator.generate(prompts, options)
      expect(await generator.generate(prompts, { ...options, batchRows: 1 })).toEqual(whole)
      expect(await generator.generate(prompts, { ...options, batchTokens: 8 })).toEqual(whole)
    }
  })

  it('makes batches of prompts of like lengths, within both limits', () => {
    const rows = [1, 5, 2, 4, 9].map((length) => new Array<number>(length).fill(3))
    expect(generationBatches(rows)).toEqual([[4, 1, 3, 2, 0]])
    expect(generationBatches(rows, { batchRows: 2 })).toEqual([[4, 1], [3, 2], [0]])
    expect(generationBatches(rows, { batchTokens: 8 })).toEqual([[4], [1], [3, 2], [0]])
    for (const none of [{ batchRows: 0 }, { batchTokens: Number.NaN }])
      expect(generationBatches(rows, none)).toEqual([[4], [1], [3], [2], [0]])
    expect(generationBatches([])).toEqual([])
  })

  it('refuses an empty prompt', async () => {
    await expect(generator.generate([[]])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ModelsError: generate: expected prompts of at least one token, got an empty one. Begin with a BOS token.]`,
    )
    expect(await generator.generate([])).toEqual([])
  })

  it('ends when the signal says so', async () => {
    await expect(generator.generate([[1]], { ...free, signal: AbortSignal.abort() })).rejects.toThrow('aborted')
  })
})
