import { createHash } from 'node:crypto'
import { constant, unflatten } from '@qilin-med/tensor'
import { dataFingerprint } from '../data/dataset'
import type { Plan } from '../data/plan'
import type { TrainableAdapter, TrainableModel } from '../model'
import type { ReferenceStep } from './events'
import { type BatchArrays, type BatchSource, type MicroBatch, makeMicroBatch } from './micro-batch'
import { stepTypes } from './objective'
import { scoreStep } from './programs'
import {
  type ReferenceStore,
  readReferenceCache,
  scoreReference,
  weightsFingerprint,
  withReference,
  writeReferenceCache,
} from './reference'

/** Log-probabilities of a reference model, which does not change while the policy is trained. */
export interface Reference {
  /** Scores every row that the run will read and that is not known yet; read from `folder` where an earlier run left them. */
  prepare(source: BatchSource, plan: Plan, folder: string | undefined): AsyncGenerator<ReferenceStep>
  /** The arrays of a prepared micro-batch with reference log-probabilities. */
  attach(batch: MicroBatch): BatchArrays
  /** The same for rows outside the training data, scored now. */
  score(batch: MicroBatch): Promise<BatchArrays>
  dispose(): Promise<void>
}

/** The model as it is loaded, with `adapter` in place if one is given, as a reference. */
export const openReference = <Network>(
  model: TrainableModel<Network>,
  adapter: TrainableAdapter<Network> | undefined,
  prepack?: boolean,
): Reference => {
  const network = () => (adapter ? adapter.apply(model.network(), constantsOf(adapter)) : model.network())
  const program = scoreStep({ runtime: model.runtime, model, types: stepTypes('preference'), prepack }, network)
  let store: ReferenceStore = new Map()
  return {
    prepare: async function* (source, plan, folder) {
      const key = folder && (await cacheKey(source, model, adapter))
      if (key) store = await readReferenceCache(folder, key)
      // The batches of the first pass over the data: then the first step compares equal shapes, and ties are exact.
      const steps = Math.min(plan.totalSteps, plan.stepsPerEpoch)
      const batches = Array.from({ length: steps }, (_, step) => plan.microBatches(step)).flat()
      const missing = batches.filter((numbers) => numbers.some((number) => !store.has(number)))
      for (const [done, numbers] of missing.entries()) {
        await scoreReference(program, await makeMicroBatch(source, numbers), store)
        yield { type: 'reference-step', done: done + 1, total: missing.length }
      }
      if (key && missing.length > 0) await writeReferenceCache(folder, key, store)
    },
    attach: (batch) => withReference(batch, store),
    score: async (batch) => {
      const own: ReferenceStore = new Map()
      await scoreReference(program, batch, own)
      return withReference(batch, own)
    },
    dispose: () => program.dispose(),
  }
}

const constantsOf = ({ layout, values }: TrainableAdapter) =>
  unflatten(constant({ dtype: 'float32', shape: [layout.size], data: values }), layout)

/** Changes with any token, any weight of the reference, and with how rows are laid out. */
const cacheKey = async (
  { data, layout }: BatchSource,
  model: TrainableModel,
  adapter: TrainableAdapter | undefined,
): Promise<string> =>
  createHash('sha256')
    .update(await dataFingerprint(data))
    .update(weightsFingerprint(model, adapter))
    .update(JSON.stringify(layout))
    .digest('hex')
