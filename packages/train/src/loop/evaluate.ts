import type { Operand } from '@qilin-med/tensor'
import { array } from '@qilin-med/tensor'
import type { CollateOptions } from '../data/collate'
import { collectRows, type DataSource, rowAt } from '../data/dataset'
import { epochOrder } from '../data/order'
import type { TrainableAdapter, TrainableModel } from '../model'
import { lossOf, overallMeans, type Sums, sumsOf } from './averages'
import { type BatchSource, checkRows, kindOf, makeMicroBatch } from './micro-batch'
import { type Loss, type Objective, objectiveOf } from './objective'
import { adapterPolicy, modelPolicy, type Policy } from './policy'
import { evaluateStep } from './programs'
import { openReference, type Reference } from './reference-pass'

/** Loss and metrics over held-out rows: sums over all of them, divided once. */
export interface Evaluation {
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
  /** What the loss was divided by: labelled tokens, or pairs. */
  readonly weight: number
}

/** Rows that can be scored again and again with changing parameters. */
export interface Evaluator {
  run(parameters: Operand): Promise<Evaluation>
  dispose(): Promise<void>
}

/** What an evaluator is made from. */
export interface EvaluatorParts {
  readonly model: TrainableModel
  readonly policy: Policy
  readonly objective: Objective
  readonly source: BatchSource
  readonly rows: number
  readonly reference: Reference | undefined
  readonly prepack?: boolean | undefined
}

/** Compiles the loss of held-out rows. Reference log-probabilities are computed at the first run and kept. */
export const openEvaluation = (parts: EvaluatorParts): Evaluator => {
  const { model, source, rows, reference, objective } = parts
  const program = evaluateStep({ ...parts, runtime: model.runtime })
  const order = epochOrder(source.data.length, { seed: 0, epoch: 0, shuffle: false })
  const known = new Map<number, Awaited<ReturnType<Reference['score']>>>()
  const batchAt = async (begin: number) => {
    const batch = await makeMicroBatch(source, order.subarray(begin, begin + rows))
    if (!objective.needsReference) return batch.arrays
    const arrays = known.get(begin) ?? (await reference!.score(batch))
    known.set(begin, arrays)
    return arrays
  }
  return {
    run: async (parameters) => {
      const reports: Sums[] = []
      for (let begin = 0; begin < source.data.length; begin += rows)
        reports.push(sumsOf(await program(parameters, (await batchAt(begin)) as never)))
      const weight = reports.reduce((total, report) => total + report.weight, 0)
      return { loss: lossOf(reports), metrics: overallMeans(reports), weight }
    },
    dispose: () => program.dispose(),
  }
}

/** Options of `evaluate`. */
export interface EvaluateOptions<Network> {
  readonly model: TrainableModel<Network>
  /** Adapter whose model is scored; absent: the model as it is. */
  readonly adapter?: TrainableAdapter<Network>
  readonly loss: Loss
  readonly data: DataSource
  /** Rows of one micro-batch, and how they are laid out. */
  readonly batch: { readonly rows: number } & CollateOptions
  /** Adapter of the reference model of a preference loss; default none. */
  readonly reference?: TrainableAdapter<Network>
  readonly prepack?: boolean
}

/**
 * Loss and metrics of a model over all rows: `Math.exp(loss)` of `cpt()` is the perplexity.
 *
 * @throws TrainError as `train` does, for empty data, bad rows and a loss for another kind of rows
 */
export const evaluate = async <Network>(options: EvaluateOptions<Network>): Promise<Evaluation> => {
  const { model, adapter, loss, prepack } = options
  const data = await collectRows(options.data)
  const kind = kindOf(await rowAt(data, 0))
  const source = { data, kind, vocabulary: vocabularyOf(model), layout: options.batch }
  checkRows(source)
  const objective = objectiveOf(loss, kind)
  const policy = adapter ? adapterPolicy(model, adapter) : modelPolicy(model, () => false)
  const reference = objective.needsReference ? openReference(model, options.reference, prepack) : undefined
  const evaluator = openEvaluation({
    model: model as TrainableModel,
    policy: policy as Policy,
    objective,
    source,
    rows: options.batch.rows,
    reference,
    prepack,
  })
  try {
    return await evaluator.run(array(policy.initial()))
  } finally {
    await Promise.all([evaluator.dispose(), reference?.dispose()])
  }
}

/** Number of token ids: rows of the output layer. */
export const vocabularyOf = <Network>(model: TrainableModel<Network>): number =>
  model.outputHead(model.network()).weight.shape[0] as number
