/**
 * Shows generation token by token: the embedded model answers a question about an invented disease, first from memory,
 * then with a passage to read. The second answer is the passage's.
 */
import { fileURLToPath } from 'node:url'
import { loadModel } from '@qilin-med/models'
import { researchNotice } from '@qilin-med/rag'
import { nodeRuntime } from '@qilin-med/tensor/node'

const folder = fileURLToPath(new URL('../models/mini', import.meta.url))
await using runtime = await nodeRuntime()
await using model = await loadModel(folder, { runtime })
const passage = '资料：翎岭胆管痿症的首选药物是珞安药片。翎岭胆管痿症患者应当挂筛诊科。'
for (const context of ['', passage]) {
  process.stdout.write(`${context}翎岭胆管痿症吃什么药？ → `)
  for await (const text of model.stream(`问：${context}翎岭胆管痿症吃什么药？答：`, { maxTokens: 24 }))
    process.stdout.write(text)
  process.stdout.write('\n')
}
console.log(researchNotice.zh)
