import type { RunSettings } from '../checkpoints/checkpoint'
import { settingsOf } from '../checkpoints/settings'
import { collectRows, type Dataset, dataFingerprint, refuseOtherSplits, rowAt } from '../data/dataset'
import { type Plan, planSteps } from '../data/plan'
import { type TrainingRow, tokenCount } from '../data/rows'
import { TrainError } from '../errors'
import type { PassOptions, TrainableAdapter, TrainableModel } from '../model'
import { attentionBlocksFor } from './attention-blocks'
import { type Evaluator, openEvaluation, vocabularyOf } from './evaluate'
import { type BatchSource, checkRows, kindOf } from './micro-batch'
import { objectiveOf } from './objective'
import type { TrainOptions } from './options'
import { adapterOf, adapterPolicy, modelPolicy, type Policy } from './policy'
import type { ProgramParts } from './programs'
import { openReference, type Reference } from './reference-pass'

/** A run whose options and data are checked, ready to start. */
export interface Prepared<Adapter = unknown> {
  readonly source: BatchSource
  readonly plan: Plan
  /** The adapter as it was before training; undefined when the model's own parameters are trained. */
  readonly adapter: Adapter | undefined
  readonly parts: ProgramParts
  readonly settings: RunSettings
  readonly reference: Reference | undefined
  readonly evaluator: Evaluator | undefined
  readonly seed: number
  /** Milliseconds. */
  readonly now: () => number
}

/** @throws TrainError for options out of range and rows that do not fit, before anything runs */
export const prepare = async <Network, Modules, Adapter extends TrainableAdapter<Network>>(
  options: TrainOptions<Network, Modules, Adapter>,
): Promise<Prepared<Adapter>> => {
  const {
    model,
    loss,
    optimizer,
    batch,
    seed = 42,
    shuffle = true,
    clip = 1,
    prepack,
    recompute = false,
    checkFinite,
  } = options
  checkOptions(options)
  const source = await sourceOf(options, options.data)
  refuseOtherSplits(source.data)
  const plan = planSteps(source.data.length, { batch, length: options, seed, shuffle })
  const adapter = options.adapter && adapterOf(model, options.adapter, seed)
  const policy = (adapter ? adapterPolicy(model, adapter) : modelPolicy(model, options.trains)) as Policy
  const objective = objectiveOf(loss, source.kind)
  const reference = objective.needsReference ? openReference(model, options.reference, prepack) : undefined
  const { attentionBlocks = attentionBlocksFor(usualLength(source.data)) } = options
  const parts = {
    runtime: model.runtime,
    model: passing(model, { recompute, attentionBlocks }) as never,
    policy,
    objective,
    optimizer,
    clip,
    prepack,
    checkFinite,
  }
  return {
    source,
    plan,
    adapter,
    parts,
    reference,
    evaluator: options.evaluation && (await evaluatorOf(options, parts, reference)),
    settings: settingsOf({
      data: await dataFingerprint(source.data),
      layout: policy.layout,
      adapter,
      optimizer,
      totalSteps: plan.totalSteps,
      options: { ...batchSettings(batch), seed, shuffle, clip: `${clip}` },
    }),
    seed,
    now: options.clock ?? (() => performance.now()),
  }
}

/** The model with its passes traced in this way. */
const passing = <Network, Modules>(
  model: TrainableModel<Network, Modules>,
  options: PassOptions,
): TrainableModel<Network, Modules> => ({
  ...model,
  hiddenStates: (network, batch) => model.hiddenStates(network, batch, options),
})

/** Mean tokens of rows in memory; 0 for rows that are read one by one. */
const usualLength = (data: Dataset): number => {
  if (!Array.isArray(data)) return 0
  return data.reduce((sum: number, row: TrainingRow) => sum + tokenCount(row), 0) / data.length
}

/** Batch options with their defaults, so that writing a default out is no other run. */
const batchSettings = ({
  rows,
  accumulate = 1,
  pack = true,
  padToMultipleOf = 1,
  sharePrompts = true,
}: TrainOptions<unknown, unknown, unknown>['batch']) => ({ rows, accumulate, pack, padToMultipleOf, sharePrompts })

const sourceOf = async <Network, Modules, Adapter>(
  { model, batch }: TrainOptions<Network, Modules, Adapter>,
  rows: TrainOptions<Network, Modules, Adapter>['data'],
): Promise<BatchSource> => {
  const data = await collectRows(rows)
  const source = { data, kind: kindOf(await rowAt(data, 0)), vocabulary: vocabularyOf(model), layout: batch }
  checkRows(source)
  return source
}

const evaluatorOf = async <Network, Modules, Adapter>(
  options: TrainOptions<Network, Modules, Adapter>,
  { model, policy, objective, prepack }: ProgramParts,
  reference: Reference | undefined,
): Promise<Evaluator> => {
  const { data, rows = options.batch.rows } = options.evaluation!
  const source = await sourceOf(options, data)
  if (source.kind === objective.kind)
    return openEvaluation({ model, policy, objective, source, rows, reference, prepack })
  throw new TrainError(
    'option',
    `train: evaluation rows must be ${objective.kind} rows like the data, got ${source.kind} rows. Use 'evaluate' with a loss of their kind.`,
    { option: 'evaluation.data' },
  )
}

const checkOptions = <Network, Modules, Adapter>({
  clip = 1,
  seed = 42,
  attentionBlocks,
  checkpoints,
  evaluation,
}: TrainOptions<Network, Modules, Adapter>): void => {
  const require = (fits: boolean, option: string, expected: string, value: unknown): void => {
    if (fits) return
    throw new TrainError('option', `train: ${option} must be ${expected}, got ${value}. Correct it.`, { option })
  }
  const count = (value: number | undefined) => value === undefined || (Number.isInteger(value) && value > 0)
  require(clip > 0, 'clip', 'above 0 (Infinity for none)', clip)
  require(Number.isSafeInteger(seed) && seed >= 0, 'seed', 'an integer of at least 0', seed)
  require(count(attentionBlocks), 'attentionBlocks', 'an integer of at least 1', attentionBlocks)
  require(count(checkpoints?.every), 'checkpoints.every', 'an integer of at least 1', checkpoints?.every)
  require(count(checkpoints?.keep), 'checkpoints.keep', 'an integer of at least 1', checkpoints?.keep)
  require(count(evaluation?.every), 'evaluation.every', 'an integer of at least 1', evaluation?.every)
  require(count(evaluation?.rows), 'evaluation.rows', 'an integer of at least 1', evaluation?.rows)
}
