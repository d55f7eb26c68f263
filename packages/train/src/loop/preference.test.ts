import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpt, dpo, logRatio, type PreferenceLoss, perPair } from '@qilin-med/losses'
import { logSigmoid, mul, neg, type Runtime, sub } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adamw } from '../optimizers/adam'
import { tinyAdapter, tinyModel, tinyPairs, tinyRows } from '../test/tiny-model'
import { evaluate } from './evaluate'
import type { StepEnd, TrainEvent } from './events'
import { train } from './train'

let runtime: Runtime
let folder: string
beforeAll(async () => {
  runtime = await nodeRuntime()
  folder = await mkdtemp(join(tmpdir(), 'train-preference-'))
})
afterAll(async () => {
  await runtime.dispose()
  await rm(folder, { recursive: true })
})

const optimizer = adamw({ learningRate: 0.05 })
const data = tinyPairs(12)
const collect = async (run: AsyncIterable<TrainEvent>) => {
  const events: TrainEvent[] = []
  for await (const event of run) events.push(event)
  const steps = events.filter((event): event is StepEnd => event.type === 'step-end')
  return { events, steps, reference: events.filter(({ type }) => type === 'reference-step').length }
}

describe('train on pairs', () => {
  it('starts at ln 2 with every reward exactly 0, and learns to prefer the chosen completions', async () => {
    const options = { model: tinyModel(runtime), adapter: tinyAdapter(), loss: dpo(), data, optimizer }
    const { steps } = await collect(train({ ...options, batch: { rows: 4 }, epochs: 8 }))
    expect(steps[0]!.loss).toBeCloseTo(Math.LN2, 6)
    expect([steps[0]!.metrics['rewards/margins'], steps[0]!.metrics['rewards/accuracies']]).toEqual([0, 0])
    expect(steps.at(-1)!.loss).toBeLessThan(0.6)
    expect(steps.at(-1)!.metrics['rewards/accuracies']).toBeGreaterThan(0.7)
  })

  it('gives the same losses with shared prompts, separate rows, and rows that are not packed', async () => {
    const losses = async (layout: { sharePrompts?: boolean; pack?: boolean }) => {
      const options = { model: tinyModel(runtime), adapter: tinyAdapter(), loss: dpo(), data, optimizer }
      return (await collect(train({ ...options, batch: { rows: 3, ...layout }, steps: 6 }))).steps.map(
        ({ loss }) => loss,
      )
    }
    const shared = await losses({})
    for (const layout of [{ sharePrompts: false }, { sharePrompts: false, pack: false }, { pack: false }])
      expect(await losses(layout)).toEqual(shared.map((loss) => expect.closeTo(loss, 5)))
  })

  it('takes a loss written by hand, and uses the reference it reads', async () => {
    const marginDpo =
      ({ beta = 0.1, margin = 0.5 } = {}): PreferenceLoss =>
      ({ policy, reference }) => {
        const delta = sub(logRatio(policy.chosen, reference.chosen), logRatio(policy.rejected, reference.rejected))
        return perPair(neg(logSigmoid(sub(mul(beta, delta), margin))))
      }
    const run = train({
      model: tinyModel(runtime),
      adapter: tinyAdapter(),
      loss: marginDpo(),
      data,
      optimizer,
      batch: { rows: 4 },
      steps: 1,
    })
    const { steps, reference } = await collect(run)
    expect(steps[0]!.loss).toBeCloseTo(Math.log1p(Math.exp(0.5)), 6) // −log σ(−½)
    expect(reference).toBe(1)
  })

  it('computes no reference for a loss that reads none', async () => {
    const loss: PreferenceLoss = ({ policy }) => perPair(neg(policy.chosen.logProb))
    const run = train({
      model: tinyModel(runtime),
      adapter: tinyAdapter(),
      loss,
      data,
      optimizer,
      batch: { rows: 4 },
      steps: 2,
    })
    expect((await collect(run)).reference).toBe(0)
  })

  it('takes a frozen adapter as the reference: an adapter compared with itself has margin 0', async () => {
    const model = tinyModel(runtime)
    const first = train({
      model,
      adapter: tinyAdapter(),
      loss: cpt(),
      data: tinyRows(8),
      optimizer,
      batch: { rows: 8 },
      steps: 6,
    })
    await collect(first)
    const scored = { model, adapter: first.adapter, loss: dpo(), data, batch: { rows: 4 } }
    const itself = await evaluate({ ...scored, reference: first.adapter })
    expect(itself.metrics['rewards/margins']).toBeCloseTo(0, 6)
    expect((await evaluate(scored)).metrics['rewards/margins']).not.toBeCloseTo(0, 3)
  })

  it('keeps reference log-probabilities for a later run, until a token or a weight differs', async () => {
    const passes = async (rows: typeof data, seed: number, name: string) => {
      const checkpoints = { folder: join(folder, name) }
      const model = tinyModel(runtime, { seed })
      const options = { model, adapter: tinyAdapter(), loss: dpo(), optimizer, batch: { rows: 6 }, checkpoints }
      const run = train({ ...options, data: rows, epochs: 1 })
      const reached = await collect(run)
      await Promise.all(
        reached.events.flatMap((event) =>
          event.type === 'checkpoint-end' ? [rm(event.path, { recursive: true })] : [],
        ),
      )
      return { reference: reached.reference, losses: reached.steps.map(({ loss }) => loss) }
    }
    const computed = await passes(data, 1, 'cache')
    const cached = await passes(data, 1, 'cache')
    expect([computed.reference, cached.reference]).toEqual([2, 0])
    expect(cached.losses).toEqual(computed.losses)
    expect((await passes(data, 2, 'cache')).reference).toBe(2)
    const other = [{ ...data[0]!, chosenIds: [1, 2] }, ...data.slice(1)]
    expect((await passes(other, 2, 'cache')).reference).toBe(2)
  })

  it('drops nothing in preference training, but does in token training', async () => {
    let asked = 0
    const adapter = tinyAdapter({ onDropout: () => asked++ })
    const model = tinyModel(runtime)
    await collect(train({ model, adapter, loss: dpo(), data, optimizer, batch: { rows: 4 }, steps: 1 }))
    expect(asked).toBe(0)
    await collect(train({ model, adapter, loss: cpt(), data: tinyRows(4), optimizer, batch: { rows: 4 }, steps: 1 }))
    expect(asked).toBe(1)
  })
})
