import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type ContinuationScore,
  type LocalEvaluatedModel,
  languageModel,
  type ScoreRequest,
} from '@qilin-med/metrics/benchmarks'
import { qilinEval } from '@qilin-med/metrics/cli'
import { type LoadedModel, loadModel } from '@qilin-med/models'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../../models/mini', import.meta.url))

let runtime: Runtime
let loaded: LoadedModel
let model: LocalEvaluatedModel
beforeAll(async () => {
  runtime = await nodeRuntime()
  const tokenizer = await loadTokenizer(folder)
  loaded = await loadModel(folder, { runtime, tokenizer })
  model = languageModel(loaded, { tokenizer, name: 'mini', context: loaded.config.maxPositions })
})
afterAll(async () => {
  await loaded[Symbol.asyncDispose]()
  await runtime[Symbol.asyncDispose]()
})

const header =
  '以下是单项选择题，请选出其中的正确答案。\n\n问题：患者头晕，应先测什么？\n选项：\nA 血压\nB 体温\n答案：A\n\n'
const questionOf = (text: string): string => `${header}问题：${text}\n选项：\nA 血常规\nB 心电图\n答案：`
const request = (prompt: string, ...continuations: string[]): ScoreRequest => ({
  kind: 'score',
  id: '1',
  prompt,
  continuations,
})

describe('languageModel', () => {
  it('gives each option after a shared header the likelihood that it has alone, from fewer tokens', async () => {
    const options = ['血常规', '心电图', '胸部检查', 'A']
    const prompts = [
      '患者发热咳嗽三天，应先做哪项检查？',
      '患者胸痛，应先做哪项检查？',
      '患者乏力，应先做哪项检查？',
    ].map(questionOf)
    const before = { ...loaded.work }
    const together = await model.score!(
      prompts.map((prompt) => request(prompt, ...options)),
      {},
    )
    const { computed, alone } = loaded.work
    expect((alone - before.alone) / (computed - before.computed)).toBeGreaterThan(3)
    for (const [i, prompt] of prompts.entries())
      for (const [j, option] of options.entries()) {
        const [scores] = (await model.score!([request(prompt, option)], {})) as ContinuationScore[][]
        const beside = (together as ContinuationScore[][])[i]![j]!
        expect(beside.tokens).toBe(scores![0]!.tokens)
        expect(Math.abs(beside.logProb - scores![0]!.logProb)).toBeLessThan(1e-4) // float32 sums in another order; 6e-6 was seen
      }
  })

  it('cuts the beginning of prompts that are too long, and counts them', async () => {
    const before = model.cutPrompts
    const texts = await model.generate!([{ kind: 'generate', id: '1', prompt: '发热'.repeat(400), maxTokens: 4 }], {})
    expect(texts).toHaveLength(1)
    expect(model.cutPrompts).toBe(before + 1)
  })
})

describe('qilin-eval', () => {
  it('evaluates a checkpoint by its folder', async () => {
    const out = await mkdtemp(join(tmpdir(), 'qilin-evaluate-'))
    try {
      const data = fileURLToPath(new URL('../../data/mini-chimed', import.meta.url))
      let printed = ''
      const code = await qilinEval(
        [
          '--model',
          `checkpoint:${folder}`,
          '--tasks',
          'cmexam',
          '--scoring',
          'options',
          '--limit',
          '4',
          '--data',
          data,
          '--out',
          out,
        ],
        { print: (text) => (printed += text), tell: () => {}, environment: {}, now: () => 0 },
      )
      expect(printed).toMatch(/\| mini \| \d+\.\d \[/)
      expect(code).toBe(0)
      expect(await readdir(out)).toContain('report.html')
    } finally {
      await rm(out, { recursive: true })
    }
  })
})
