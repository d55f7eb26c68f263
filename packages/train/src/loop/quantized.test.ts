import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lora } from '@qilin-med/lora'
import { sft } from '@qilin-med/losses'
import { loadModel, type WeightFormat } from '@qilin-med/models'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adamw } from '../optimizers/adam'
import { writeTinyCheckpoint } from '../test/tiny-checkpoint'
import { evaluate } from './evaluate'
import { train } from './train'

let folder: string
let runtime: Runtime
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qilin-quantised-'))
  runtime = await nodeRuntime({ threads: 1 })
  await writeTinyCheckpoint(folder)
})
afterAll(async () => {
  await runtime.dispose()
  await rm(folder, { recursive: true, force: true })
})

const load = (weights: WeightFormat) => loadModel(folder, { runtime, weights, cacheFolder: join(folder, 'cache') })

const data = Array.from({ length: 6 }, (_, i) => {
  const inputIds = Array.from({ length: 8 }, (_, t) => 3 + ((i + 2 * t) % 20))
  return { inputIds, labels: inputIds.map((id, t) => (t < 3 ? -100 : id)) }
})

const trained = async (weights: WeightFormat, dora = false) => {
  const model = await load(weights)
  const adapter = lora({ rank: 4, alpha: 8, targetModules: 'all-linear', dora })
  const optimizer = adamw({ learningRate: 0.02 })
  const run = train({ model, adapter, loss: sft(), data, optimizer, batch: { rows: 6 }, steps: 25 })
  const losses: number[] = []
  for await (const event of run) if (event.type === 'step-end') losses.push(event.loss)
  const after = await evaluate({ model, adapter: run.adapter, loss: sft(), data, batch: { rows: 6 } })
  return { losses, after: after.loss }
}

/** How far losses may lie from those of float32 weights: int8 changes the logits by a few percent, 4 bits by much more. */
const formats: readonly [WeightFormat, bound: number][] = [
  ['bfloat16', 0.02],
  ['int8', 0.05],
  ['int4', 0.3],
  ['nf4', 0.3],
]

describe.each(formats)('an adapter on %s weights', (weights, bound) => {
  it('starts near the loss of float32 weights and learns as much', async () => {
    const [exact, ours] = [await trained('float32'), await trained(weights)]
    expect(Math.abs(ours.losses[0]! - exact.losses[0]!)).toBeLessThan(bound)
    expect(exact.after).toBeLessThan(exact.losses[0]! - 0.5)
    expect(Math.abs(ours.after - exact.after)).toBeLessThan(bound)
  })
})

it('DoRA starts from the lengths of the quantised rows', async () => {
  const { losses, after } = await trained('int8', true)
  expect(Math.abs(losses[0]! - (await trained('int8')).losses[0]!)).toBeLessThan(0.01)
  expect(after).toBeLessThan(losses[0]!)
})

it('refuses to train the quantised weights themselves', async () => {
  const model = await load('int8')
  const run = train({
    model,
    loss: sft(),
    data,
    optimizer: adamw({ learningRate: 0.01 }),
    batch: { rows: 6 },
    steps: 1,
  })
  await expect(run[Symbol.asyncIterator]().next()).rejects.toThrowErrorMatchingInlineSnapshot(
    `[TrainError: train: expected parameters in float32, float16 or bfloat16, got model.layers.0.self_attn.q_proj.weight in int8. Pass an adapter, or load the model in float32.]`,
  )
})

it('trains the parameters that stay in float32', async () => {
  const model = await load('int8')
  const trains = (name: string) => name.endsWith('norm.weight')
  const optimizer = adamw({ learningRate: 0.05 })
  const run = train({ model, trains, loss: sft(), data, optimizer, batch: { rows: 6 }, steps: 8 })
  const losses: number[] = []
  for await (const event of run) if (event.type === 'step-end') losses.push(event.loss)
  expect(losses.at(-1)).toBeLessThan(losses[0]!)
})
