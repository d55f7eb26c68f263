import { fileURLToPath } from 'node:url'
import type { ScoreRequest } from '@qilin-med/metrics/benchmarks'
import { loadModel } from '@qilin-med/models'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CountedModel, evaluatedModel } from './language-model'

const folder = fileURLToPath(new URL('../../models/mini', import.meta.url))

let runtime: Runtime
let model: CountedModel
beforeAll(async () => {
  runtime = await nodeRuntime()
  model = evaluatedModel(await loadModel(folder, { runtime }), await loadTokenizer(folder), { name: 'mini' })
})
afterAll(async () => {
  await model[Symbol.asyncDispose]()
  await runtime[Symbol.asyncDispose]()
})

const request = (...continuations: string[]): ScoreRequest => ({
  kind: 'score',
  id: '1',
  prompt: '问题：患者发热咳嗽三天，应先做哪项检查？\n选项：\nA 血常规\nB 心电图\n答案：',
  continuations,
})

describe('evaluatedModel', () => {
  it('gives each option the same likelihood beside the others as alone, from fewer tokens', async () => {
    const options = ['血常规', '心电图', '胸部检查', '空腹血糖', 'A']
    const [together] = await model.score!([request(...options)], {})
    const { scored, scoredAlone } = model.work
    expect(scoredAlone / scored).toBeGreaterThan(3)
    const alone = await model.score!(
      options.map((option) => request(option)),
      {},
    )
    for (const [i, [score]] of (alone as { logProb: number; tokens: number }[][]).entries()) {
      const beside = (together as { logProb: number; tokens: number }[])[i]!
      expect(beside.tokens).toBe(score!.tokens)
      expect(Math.abs(beside.logProb - score!.logProb)).toBeLessThan(1e-3)
    }
  })

  it('cuts the beginning of prompts that are too long, and counts them', async () => {
    const before = model.work.cut
    const [texts] = await Promise.all([
      model.generate!([{ kind: 'generate', id: '1', prompt: '发热'.repeat(400), maxTokens: 4 }], {}),
    ])
    expect(texts).toHaveLength(1)
    expect(model.work.cut).toBe(before + 1)
  })
})
