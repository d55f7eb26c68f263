/**
 * Takes a model to where Transformers.js runs, such as a web page: the embedded model is written as ONNX, exact and in 8 bits,
 * and Transformers.js answers a question from the files. `npm run example -- 06-transformers-js [FOLDER]`
 */
import { fileURLToPath } from 'node:url'
import { exportOnnx, loadModel } from '@qilin-med/models'
import { researchNotice } from '@qilin-med/rag'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { pipeline } from '@xenova/transformers'

const base = fileURLToPath(new URL('../models/mini', import.meta.url))
const folder = process.argv[2] ?? fileURLToPath(new URL('../../out/transformers-js', import.meta.url))
const prompt = '问：资料：翎岭胆管痿症的首选药物是珞安药片。翎岭胆管痿症吃什么药？答：'
await using runtime = await nodeRuntime()
for (const weights of ['float32', 'int8'] as const) {
  await using model = await loadModel(base, { runtime, weights })
  const { dtype, model: file, bytes } = await exportOnnx(folder, model, { tokenizerFolder: base })
  const generate = await pipeline('text-generation', folder, { dtype })
  const [answer] = await generate(prompt, { max_new_tokens: 24, do_sample: false, return_full_text: false })
  console.log(`${file}, ${(bytes / 1e6).toFixed(1)} MB (dtype: '${dtype}'): ${answer!.generated_text}`)
  await generate.dispose()
}
console.log(researchNotice.zh)
