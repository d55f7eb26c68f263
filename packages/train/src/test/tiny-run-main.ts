/** Trains the tiny model with checkpoints in the folder given, and prints each checkpoint: the process that a test kills. */
import { nodeRuntime } from '@qilin-med/tensor/node'
import { tinyRun } from './tiny-run'

const runtime = await nodeRuntime()
for await (const event of tinyRun(runtime, { checkpoints: { folder: process.argv[2]!, every: 2 } })) {
  if (event.type === 'checkpoint-end') console.log(`checkpoint-end ${event.step}`)
  await new Promise((resolve) => setTimeout(resolve, 50)) // time to be killed in
}
