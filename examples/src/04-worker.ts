/**
 * Shows training in a worker thread: the same run in this thread and in a worker, while a timer of this thread ticks every
 * 10 ms. Prints for each how often it ticked and how long it was kept waiting at worst; the losses are equal.
 */
import { fileURLToPath } from 'node:url'
import { sftRows } from '@qilin-med/chimed'
import { lora } from '@qilin-med/lora'
import { sft } from '@qilin-med/losses'
import { loadModel } from '@qilin-med/models'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime, workerRuntime } from '@qilin-med/tensor/node'
import { adamw, train } from '@qilin-med/train'

const folder = fileURLToPath(new URL('../models/mini', import.meta.url))
const tokenizer = await loadTokenizer(folder)
const conversations = ['甲', '乙', '丙', '丁', '戊', '己', '庚', '辛'].map((name) => ({
  messages: [
    { role: 'user' as const, content: `${name}不舒服怎么办？` },
    { role: 'assistant' as const, content: '请去医院。' },
  ],
}))

/** Trains for ten steps; the loss of each. */
const trainOn = async (runtime: Runtime): Promise<number[]> => {
  const run = train({
    model: await loadModel(folder, { runtime }),
    adapter: lora({ rank: 8, alpha: 16, targetModules: 'all-linear' }),
    loss: sft(),
    data: sftRows(conversations, { tokenizer, maxLength: 64 }),
    optimizer: adamw({ learningRate: 1e-3 }),
    batch: { rows: 8 },
    steps: 10,
  })
  const losses: number[] = []
  for await (const event of run) if (event.type === 'step-end') losses.push(event.loss)
  return losses
}

/** What `work` returns, and how a timer of this thread fared meanwhile. */
const watched = async <T>(work: () => Promise<T>): Promise<{ value: T; ticks: number; worstMs: number }> => {
  let [ticks, worstMs, last] = [0, 0, performance.now()]
  const timer = setInterval(() => {
    const now = performance.now()
    worstMs = Math.max(worstMs, now - last - 10)
    last = now
    ticks++
  }, 10)
  const value = await work()
  clearInterval(timer)
  return { value, ticks, worstMs }
}

for (const [name, open] of Object.entries({ 'in this thread': nodeRuntime, 'in a worker': workerRuntime })) {
  await using runtime = await open()
  const { value: losses, ticks, worstMs } = await watched(() => trainOn(runtime))
  console.log(`${name}: loss ${losses.at(0)} to ${losses.at(-1)}`)
  console.log(`  ${ticks} ticks, the worst ${worstMs.toFixed(0)} ms late`)
}
