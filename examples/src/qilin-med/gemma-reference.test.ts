import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createGenerator, createScorer, loadModel, type Tokenizer } from '@qilin-med/models'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { expect, test } from 'vitest'

/** What transformers computed from the same folder; the file says how, and to what tolerance. */
interface Reference {
  readonly tokenizer: readonly { readonly text: string; readonly ids: readonly number[] }[]
  readonly cases: readonly {
    readonly name: string
    readonly ids: readonly number[]
    readonly tokenLogProbs?: readonly number[]
    readonly meanLoss: number
    readonly greedy?: { readonly ids: readonly number[] }
  }[]
}

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = join(root, 'models', 'gemma-3-270m')
const referencePath = join(root, '..', 'shared', 'tools', 'gemma3_270m_reference.json')

test('Gemma 3 270M gives the losses, log-probabilities, ids and greedy text of transformers', async (context) => {
  if (!existsSync(join(folder, 'model.safetensors'))) return context.skip('no checkpoint in models/gemma-3-270m')
  if (!existsSync(referencePath)) return context.skip('no reference values')
  const reference = JSON.parse(readFileSync(referencePath, 'utf8')) as Reference
  const tokenizer: Tokenizer = await loadTokenizer(folder)
  for (const { text, ids } of reference.tokenizer) expect(tokenizer.encode(text), text).toEqual(ids)
  await using runtime = await nodeRuntime()
  const model = await loadModel(folder, { runtime })
  const [scorer, generator] = [createScorer(model), createGenerator(model)]
  for (const { name, ids, meanLoss, tokenLogProbs, greedy } of reference.cases) {
    const [scores] = await scorer.score([{ prompt: ids.slice(0, 1), continuations: [ids.slice(1)] }])
    const score = scores![0]!
    expect(Math.abs(-score.logProb / (ids.length - 1) - meanLoss), `${name}: mean loss`).toBeLessThan(1e-4)
    if (tokenLogProbs)
      expect(score.logProb).toBeCloseTo(
        tokenLogProbs.reduce((sum, value) => sum + value, 0),
        2,
      )
    if (greedy) {
      const [continued] = await generator.generate([ids], { maxTokens: greedy.ids.length })
      expect(continued, `${name}: greedy ids`).toEqual(greedy.ids)
    }
  }
}, 300_000)
