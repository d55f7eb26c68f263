import type { NdArray } from '@qilin-med/tensor'
import type { Checkpoint } from '../checkpoints/checkpoint'
import { TrainError } from '../errors'
import type { TrainableAdapter } from '../model'
import type { RunStart, TrainEvent } from './events'
import { requireFinite } from './finite'
import type { TrainOptions } from './options'
import { type Prepared, prepare } from './prepare'
import { progressFrom, resume, type SaveTarget, save } from './progress'
import { downloadFloat32, openSession } from './session'
import { trainSteps } from './steps'

/** A run: iterate over it to train, then read what was trained. */
export interface TrainingRun<Adapter> extends AsyncIterable<TrainEvent> {
  /** The trained adapter. @throws TrainError `unfinished` before the loop is left, `option` when none was trained */
  readonly adapter: Adapter
  /** Everything that was trained, by name. @throws TrainError `unfinished` before the loop is left */
  readonly parameters: Readonly<Record<string, NdArray>>
}

/**
 * A training run. Nothing happens until it is iterated over:
 *
 * ```ts no-check
 * const run = train({ model, adapter: lora({ rank: 8 }), loss: sft(), data, optimizer, batch: { rows: 4 }, epochs: 1 })
 * for await (const event of run) if (event.type === 'step-end') console.log(event.step, event.loss)
 * ```
 *
 * Leaving the loop stops the run after the step in progress and, with `checkpoints`, saves it; the same call goes on
 * from there, bit for bit.
 *
 * @throws TrainError from the iteration: `option`, `empty-data`, `bad-row`, `no-labels` before anything runs;
 *   `non-finite` when loss or gradient are no numbers any more; `checkpoint-write` when a checkpoint cannot be written,
 *   `checkpoint-mismatch` when the one in the folder belongs to other settings
 */
export const train = <Network, Modules, Adapter extends TrainableAdapter<Network> = TrainableAdapter<Network>>(
  options: TrainOptions<Network, Modules, Adapter>,
): TrainingRun<Adapter> => {
  const outcome: Outcome<Adapter> = {}
  let started = false
  return {
    get adapter() {
      if (outcome.adapter) return outcome.adapter
      throw options.adapter ? unfinished('adapter') : withoutAdapter()
    },
    get parameters() {
      if (outcome.parameters) return outcome.parameters
      throw unfinished('parameters')
    },
    [Symbol.asyncIterator]: () => {
      if (started) throw startedBefore()
      started = true
      return runEvents(options, outcome)
    },
  }
}

interface Outcome<Adapter> {
  adapter?: Adapter
  parameters?: Readonly<Record<string, NdArray>>
}

async function* runEvents<Network, Modules, Adapter extends TrainableAdapter<Network>>(
  options: TrainOptions<Network, Modules, Adapter>,
  outcome: Outcome<Adapter>,
): AsyncGenerator<TrainEvent> {
  const { checkpoints, batch, signal, evaluation } = options
  const prepared = await prepare(options)
  const { plan, source, reference, evaluator, now } = prepared
  const { resumed, warnings } = await resume(checkpoints, prepared.settings)
  yield* warnings
  const progress = progressFrom(resumed)
  const session = await openSession(prepared.parts, {
    state: stateFrom(prepared, resumed),
    accumulate: batch.accumulate ?? 1,
    seed: prepared.seed,
    guard: (place, reports) => requireFinite(place, reports, checkpoints?.folder),
  })
  const target: SaveTarget = { checkpoints, settings: prepared.settings, runtime: prepared.parts.runtime, session }
  let state: 'running' | 'failed' | 'finished' = 'running'
  try {
    yield runStart(prepared, progress.step, resumed)
    if (reference) yield* reference.prepare(source, plan, checkpoints?.folder)
    const began = now()
    yield* trainSteps({ prepared, session, progress, target, evaluator, evaluation, signal })
    yield* save(target, progress)
    await collect(prepared, target, outcome)
    state = 'finished'
    const reason = progress.step < plan.totalSteps ? 'aborted' : 'done'
    yield { type: 'run-end', step: progress.step, reason, seconds: (now() - began) / 1000 }
  } catch (error) {
    if (state === 'running') state = 'failed'
    throw error
  } finally {
    try {
      if (state === 'running') {
        for await (const _ of save(target, progress)); // the loop was left: nobody listens any more
        await collect(prepared, target, outcome)
      }
    } finally {
      await Promise.all([session.dispose(), reference?.dispose(), evaluator?.dispose()])
    }
  }
}

/** State to start from: the checkpoint's, or first values. */
const stateFrom = (
  { parts: { policy, optimizer } }: Prepared,
  resumed: Checkpoint | undefined,
): Record<string, Float32Array> => {
  const first = { parameters: policy.initial(), ...optimizer.init(policy.layout) }
  if (!resumed) return first
  return Object.fromEntries(Object.keys(first).map((name) => [name, resumed.state[name]!]))
}

const runStart = ({ plan, source, parts }: Prepared, step: number, resumed: Checkpoint | undefined): RunStart => ({
  type: 'run-start',
  step,
  totalSteps: plan.totalSteps,
  stepsPerEpoch: plan.stepsPerEpoch,
  rows: source.data.length,
  trainedParameters: parts.policy.layout.size,
  resumedFrom: resumed?.path,
  history: resumed?.record.history ?? [],
  evaluations: resumed?.record.evaluations ?? [],
})

/** Reads what was trained back from the runtime. */
const collect = async <Adapter extends TrainableAdapter>(
  { parts, adapter }: Prepared<Adapter>,
  { runtime, session }: SaveTarget,
  outcome: Outcome<Adapter>,
): Promise<void> => {
  const values = await downloadFloat32(runtime, session.held.parameters!)
  if (adapter) outcome.adapter = { ...adapter, values }
  outcome.parameters = Object.fromEntries(
    parts.policy.layout.entries.map(({ name, shape, offset, size }) => [
      name,
      { dtype: 'float32', shape, data: values.subarray(offset, offset + size) },
    ]),
  )
}

const unfinished = (what: string): TrainError =>
  new TrainError(
    'unfinished',
    `train: expected a run whose loop was left, got an unfinished one. Read ${what} after it.`,
  )

const withoutAdapter = (): TrainError =>
  new TrainError(
    'option',
    `train: expected a run with an adapter, got one without. Read parameters, or pass 'adapter'.`,
    { option: 'adapter' },
  )

const startedBefore = (): TrainError =>
  new TrainError('option', 'train: expected a new run, got one that was iterated over before. Call train again.')
