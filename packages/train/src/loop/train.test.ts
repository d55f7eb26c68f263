import { cpt, sft } from '@qilin-med/losses'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime, workerRuntime } from '@qilin-med/tensor/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TrainError } from '../errors'
import { adamw } from '../optimizers/adam'
import { sgd } from '../optimizers/sgd'
import { linear } from '../schedules/linear'
import { tinyAdapter, tinyModel, tinyRows } from '../test/tiny-model'
import { tinyRun } from '../test/tiny-run'
import { evaluate } from './evaluate'
import type { StepEnd, TrainEvent } from './events'
import { train } from './train'

let runtime: Runtime
beforeAll(async () => {
  runtime = await nodeRuntime()
})
afterAll(() => runtime.dispose())

const optimizer = adamw({ learningRate: 0.02 })
const events = async (run: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> => {
  const seen: TrainEvent[] = []
  for await (const event of run) seen.push(event)
  return seen
}
const stepsOf = (seen: readonly TrainEvent[]): StepEnd[] => seen.filter((event) => event.type === 'step-end')
describe('train', () => {
  it('lowers the loss with an adapter, and leaves the model as it is', async () => {
    const model = tinyModel(runtime)
    const data = tinyRows(12)
    const batch = { rows: 4 }
    const before = await evaluate({ model, loss: cpt(), data, batch })
    const run = train({ model, adapter: tinyAdapter(), loss: cpt(), data, optimizer, batch, epochs: 8 })
    const steps = stepsOf(await events(run))
    expect(steps.length).toBe(24)
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss)
    const after = await evaluate({ model, adapter: run.adapter, loss: cpt(), data, batch })
    expect(after.loss).toBeLessThan(before.loss - 0.1)
    expect((await evaluate({ model, loss: cpt(), data, batch })).loss).toBe(before.loss)
  })

  it('lowers the loss further when all parameters are trained', async () => {
    const model = tinyModel(runtime)
    const run = train({ model, loss: cpt(), data: tinyRows(12), optimizer, batch: { rows: 4 }, epochs: 20 })
    const steps = stepsOf(await events(run))
    expect(steps.at(-1)!.loss).toBeLessThan(0.7 * steps[0]!.loss)
    expect(Object.keys(run.parameters)).toEqual(['embedding', 'positions', 'query', 'value', 'norm', 'head'])
    expect(run.parameters.head!.shape).toEqual([17, 8])
    expect(() => run.adapter).toThrow(TrainError)
  })

  it('trains only the parameters asked for', async () => {
    const model = tinyModel(runtime)
    const only = (name: string) => name === 'head'
    const run = train({ model, trains: only, loss: cpt(), data: tinyRows(4), optimizer, batch: { rows: 4 }, steps: 2 })
    await events(run)
    expect(Object.keys(run.parameters)).toEqual(['head'])
  })

  it.each([1, 3])(
    'gives the same numbers in a worker, bit for bit, with %i micro-batches a step',
    async (accumulate) => {
      await using worker = await workerRuntime()
      const trained = async (on: Runtime) => {
        const batch = { rows: 2, accumulate }
        const options = {
          loss: cpt(),
          data: tinyRows(12),
          evaluation: { data: tinyRows(3) },
          optimizer,
          batch,
          epochs: 2,
        }
        const run = train({ ...options, model: tinyModel(on), adapter: tinyAdapter({ dropout: 0.2 }) })
        const seen = await events(run)
        return { losses: stepsOf(seen).map(({ loss, gradNorm }) => [loss, gradNorm]), values: run.adapter.values }
      }
      expect(await trained(worker)).toEqual(await trained(runtime))
    },
  )

  it('gives one event per step and epoch, in order, with rates of the schedule and TRL counts of tokens', async () => {
    const learningRate = linear({ peak: 0.01, warmup: 1 })
    const run = train({
      model: tinyModel(runtime),
      loss: sft(),
      data: tinyRows(5),
      optimizer: adamw({ learningRate }),
      batch: { rows: 2 },
      epochs: 2,
      clock: clockOf(500),
    })
    const seen = await events(run)
    const types = seen.map(({ type }) => type)
    const epoch = ['step-end', 'step-end', 'step-end', 'epoch-end']
    expect(types).toEqual(['run-start', ...epoch, ...epoch, 'run-end'])
    const steps = stepsOf(seen)
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6])
    expect(steps.map((event) => event.learningRate)).toEqual([0, 1, 2, 3, 4, 5].map((step) => learningRate(step, 6)))
    expect(steps.map((event) => event.epoch)).toEqual([1, 2, 3, 4, 5, 6].map((step) => step / 3))
    expect(steps.at(-1)!.metrics.num_tokens).toBe(2 * (4 + 5 + 6 + 7 + 8))
    expect(steps[0]!.tokensPerSecond).toBe(steps[0]!.tokens / 0.5)
    expect(steps.at(-1)!.etaSeconds).toBe(0)
    expect(Object.keys(steps[0]!.metrics)).toEqual(['entropy', 'mean_token_accuracy', 'num_tokens'])
  })

  it('gives the same parameters for the same seed, and others for another', async () => {
    const trained = async (seed: number) => {
      const data = tinyRows(9)
      const run = train({
        model: tinyModel(runtime),
        adapter: tinyAdapter(),
        loss: cpt(),
        data,
        optimizer,
        batch: { rows: 2 },
        steps: 4,
        seed,
      })
      await events(run)
      return run.adapter.values
    }
    expect(await trained(7)).toEqual(await trained(7))
    expect(await trained(7)).not.toEqual(await trained(8))
  })

  /** What a run's passes are asked for with; the run ends there. */
  const asked = async (options: Partial<Parameters<typeof tinyRun>[1]>) => {
    let seen: unknown
    const hiddenStates = (_: unknown, __: unknown, pass: unknown) => {
      seen = pass
      throw new Error('that is enough')
    }
    const model = { ...tinyModel(runtime), hiddenStates }
    await expect(events(tinyRun(runtime, { model, ...options }))).rejects.toThrow('that is enough')
    return seen
  }

  it('asks the model to compute its layers again in the backward pass where that is wanted', async () => {
    expect(await asked({ recompute: true })).toMatchObject({ recompute: true })
    expect(await asked({ recompute: false })).toMatchObject({ recompute: false })
  })

  it('asks for more blocks of attention where rows are long, unless told how many', async () => {
    const row = (length: number) => ({
      inputIds: new Array<number>(length).fill(1),
      labels: new Array<number>(length).fill(1),
    })
    const blocks = async (length: number) => asked({ data: [row(length)], batch: { rows: 1 } })
    expect(await blocks(8)).toEqual({ recompute: false, attentionBlocks: 4 })
    expect(await blocks(1200)).toEqual({ recompute: false, attentionBlocks: 9 })
    expect(await blocks(5000)).toEqual({ recompute: false, attentionBlocks: 16 })
    expect(await asked({ attentionBlocks: 2 })).toEqual({ recompute: false, attentionBlocks: 2 })
  })

  it('takes one step of the mean gradient, however the rows are cut into micro-batches and packed', async () => {
    const data = tinyRows(6)
    const shared = { loss: cpt(), data, optimizer: sgd({ learningRate: 0.5 }), steps: 3, shuffle: false }
    const trained = async (batch: Parameters<typeof train>[0]['batch']) => {
      const run = train({ model: tinyModel(runtime), ...shared, batch })
      const steps = stepsOf(await events(run))
      return {
        losses: steps.map(({ loss }) => loss),
        norms: steps.map(({ gradNorm }) => gradNorm),
        head: run.parameters.head!,
      }
    }
    const whole = await trained({ rows: 6 })
    for (const batch of [
      { rows: 2, accumulate: 3 },
      { rows: 6, pack: false },
      { rows: 1, accumulate: 6, padToMultipleOf: 4 },
    ]) {
      const cut = await trained(batch)
      expect(cut.losses).toEqual(whole.losses.map((loss) => expect.closeTo(loss, 5)))
      expect(cut.norms).toEqual(whole.norms.map((norm) => expect.closeTo(norm, 5)))
      expect([...cut.head.data]).toEqual([...whole.head.data].map((value) => expect.closeTo(Number(value), 5)))
    }
  })
})

const clockOf = (step: number): (() => number) => {
  let now = 0
  return () => {
    now += step
    return now
  }
}
