/**
 * Shows a loss of your own: DPO whose chosen answer must win by a margin, trained with LoRA on twelve pairs.
 * Prints the loss of every second step; it falls.
 */
import { fileURLToPath } from 'node:url'
import { dpoRows } from '@qilin-med/chimed'
import { lora } from '@qilin-med/lora'
import { logRatio, type PreferenceLoss, perPair } from '@qilin-med/losses'
import { loadModel } from '@qilin-med/models'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import { logSigmoid, mul, neg, sub } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { adamw, train } from '@qilin-med/train'

/** DPO whose chosen answer must win by a margin. */
const marginDpo =
  ({ beta = 0.1, margin = 0.5 } = {}): PreferenceLoss =>
  ({ policy, reference }) => {
    const delta = sub(logRatio(policy.chosen, reference.chosen), logRatio(policy.rejected, reference.rejected))
    return perPair(neg(logSigmoid(sub(mul(beta, delta), margin))))
  }

const folder = fileURLToPath(new URL('../models/mini', import.meta.url))
await using runtime = await nodeRuntime()
const tokenizer = await loadTokenizer(folder)
const pairs = ['甲', '乙', '丙', '丁', '戊', '己', '庚', '辛', '壬', '癸', '子', '丑'].map((name) => ({
  prompt: `问：${name}不舒服怎么办？答：`,
  chosen: '请去医院。',
  rejected: '这个不好说。',
}))
const run = train({
  model: await loadModel(folder, { runtime }),
  adapter: lora({ rank: 8, alpha: 16, targetModules: 'all-linear' }),
  loss: marginDpo(),
  data: dpoRows(pairs, { tokenizer, prompt: ({ prompt }) => prompt }),
  optimizer: adamw({ learningRate: 1e-3 }),
  batch: { rows: 6 },
  steps: 10,
})
for await (const event of run)
  if (event.type === 'step-end' && event.step % 2 === 0)
    console.log(`step ${event.step}: loss ${event.loss.toFixed(4)}`)
