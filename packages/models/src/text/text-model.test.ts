import { add, linear, type Runtime, referenceRuntime, type Tensor } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import { createGenerator } from '../generate/generate'
import type { NetworkAdapter } from '../model'
import type { Network } from '../network'
import { createScorer } from '../score/score'
import { tinyModel } from '../test/tiny-model'
import type { Tokenizer } from '../tokenizer/types'
import { textModel } from './text-model'

const letters = ['^', ...'甲乙丙丁戊己庚辛壬癸子丑']

/** Ids are places in `letters`; id 0 begins every text, and is left out of decoded ones. */
const tokenizer = {
  encode: (text: string, { addSpecialTokens = true } = {}) => [
    ...(addSpecialTokens ? [0] : []),
    ...Array.from(text, (letter) => letters.indexOf(letter)),
  ],
  streamDecoder: () => ({ push: (id: number) => (id === 0 ? '' : letters[id]!), end: () => '' }),
} as unknown as Tokenizer

const load = async () => tokenizer
const free = { maxTokens: 6, stopIds: [] }
const plain = (ids: readonly number[]): string => ids.map((id) => (id === 0 ? '' : letters[id]!)).join('')

describe('textModel', () => {
  const model = tinyModel('qwen2')
  const text = textModel(model, tokenizer)

  it('generates what the generator does, as text', async () => {
    const [ids] = await createGenerator(model).generate([tokenizer.encode('甲乙丙')], free)
    const expected = plain(ids!)
    expect(await text.generate('甲乙丙', free)).toBe(expected)
    expect(await text.generate(tokenizer.encode('甲乙丙'), free)).toBe(expected)
    const pieces: string[] = []
    for await (const piece of text.stream('甲乙丙', free)) pieces.push(piece)
    expect(pieces.join('')).toBe(expected)
    expect(pieces.length).toBeGreaterThan(1)
  })

  it('ends a text at a stop text, without it, and lets the others of a batch go on', async () => {
    const whole = await text.generateAll(['甲乙丙', '丁'], free)
    const stop = [whole[0]!.slice(1, 3)]
    const expected = whole.map((answer) => answer.split(stop[0]!)[0])
    expect(await text.generateAll(['甲乙丙', '丁'], { ...free, stop })).toEqual(expected)
    const pieces: string[] = []
    for await (const piece of text.stream('甲乙丙', { ...free, stop })) pieces.push(piece)
    expect(pieces.join('')).toBe(expected[0])
  })

  it('counts the tokens it read, padding included, and wrote', async () => {
    const counted = textModel(model, tokenizer)
    const answers = await counted.generateAll(['甲乙丙', '丁', '戊'], { ...free, batchRows: 2 })
    // Batches of [4, 2] and [2] tokens with the one that begins each text.
    expect(counted.work.read).toBe(2 * 4 + 2)
    expect(counted.work.written).toBe(3 * free.maxTokens)
    for await (const _ of counted.stream('丁', { ...free, maxTokens: 2 }));
    expect([counted.work.read, counted.work.written]).toEqual([12, 3 * free.maxTokens + 2])
    expect(answers).toHaveLength(3)
  })

  it('scores continuations as the scorer does', async () => {
    const continuations = ['丁', '戊己', '']
    const [scores] = await createScorer(model).score([
      { prompt: tokenizer.encode('甲乙'), continuations: [[4], [5, 6], []] },
    ])
    const ours = await text.score('甲乙', continuations)
    ours.forEach((logProb, i) => {
      expect(logProb).toBeCloseTo(scores![i]!.logProb, 6)
    })
    expect(await text.score(tokenizer.encode('甲乙'), continuations)).toEqual(ours)
    expect(text.work.alone).toBeGreaterThan(text.work.computed)
  })
})

describe('adapters', () => {
  const name = 'model.layers.0.self_attn.v_proj.weight'
  const adapterWith = (value: number): NetworkAdapter => ({
    structure: 'v_proj',
    layout: { entries: [{ name, shape: [4, 8], offset: 0, size: 32 }], size: 32 },
    values: new Float32Array(32).fill(value),
    apply: (network: Network, parameters: Readonly<Record<string, Tensor>>): Network => ({
      ...network,
      linear: (path, x) =>
        `${path}.weight` === name
          ? add(network.linear(path, x), linear(x, parameters[name]!))
          : network.linear(path, x),
    }),
  })

  it('of equal values and other structures keep their own beginnings', async () => {
    const model = tinyModel('qwen2')
    const one = adapterWith(0.5)
    const other: NetworkAdapter = {
      ...one,
      structure: 'twice',
      apply: (network, parameters) =>
        one.apply(network, { [name]: add(parameters[name]!, parameters[name]!) } as Record<string, Tensor>),
    }
    const text = textModel(model, tokenizer)
    const prompt = '甲乙丙丁'.repeat(20) // long enough to be kept
    const requests = ['戊', '己'].map((end) => ({ prompt: prompt + end, continuations: ['庚'] }))
    await text.scoreAll(requests, { adapter: one })
    const ours = await text.scoreAll(requests, { adapter: other })
    const alone = await createScorer(model, other).score(
      requests.map((request) => ({ prompt: tokenizer.encode(request.prompt), continuations: [[7]] })),
    )
    ours.forEach(([score], i) => {
      expect(score!.logProb).toBeCloseTo(alone[i]![0]!.logProb, 6)
    })
  })

  it('of one structure are exchanged without loading another program', async () => {
    const inner = referenceRuntime()
    let loads = 0
    const counting: Runtime = {
      ...inner,
      load: (program, options) => {
        loads++
        return inner.load(program, options)
      },
    }
    const model = tinyModel('qwen2', counting)
    const text = textModel(model, load)
    const [one, other] = [adapterWith(0.5), adapterWith(-1)]
    const scores = async (adapter?: NetworkAdapter) => text.score('甲乙丙', ['丁', '戊'], adapter ? { adapter } : {})
    const first = await scores(one)
    expect(loads).toBe(1)
    const second = await scores(other)
    expect(loads).toBe(1)
    expect(second).not.toEqual(first)
    expect(await scores(one)).toEqual(first)
    const base = await scores()
    expect(loads).toBe(2)
    for (const [adapter, expected] of [
      [one, first],
      [other, second],
      [undefined, base],
    ] as const) {
      const [alone] = await createScorer(model, adapter).score([
        { prompt: tokenizer.encode('甲乙丙'), continuations: [[4], [5]] },
      ])
      expect(alone!.map(({ logProb }) => logProb)).toEqual(expected)
    }
    const before = loads
    const answers = [one, other, one].map((adapter) => () => text.generate('甲', { ...free, adapter }))
    const texts: string[] = []
    for (const answer of answers) texts.push(await answer())
    expect(loads).toBe(before + 1)
    expect(texts[2]).toBe(texts[0])
  })
})
