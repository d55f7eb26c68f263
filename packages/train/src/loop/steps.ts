import { prefetched } from '../data/prefetch'
import { lossOf, microBatchMeans } from './averages'
import type { Evaluator } from './evaluate'
import type { EvalEnd, StepEnd, StepRecord, TrainEvent } from './events'
import { requireFinite } from './finite'
import { makeMicroBatch } from './micro-batch'
import type { EvaluationOptions } from './options'
import type { Prepared } from './prepare'
import { type Progress, type SaveTarget, save } from './progress'
import type { Session, StepOutcome } from './session'

/** What the steps of a run work with. */
export interface StepContext {
  readonly prepared: Prepared
  readonly session: Session
  readonly progress: Progress
  readonly target: SaveTarget
  readonly evaluator: Evaluator | undefined
  readonly evaluation: EvaluationOptions | undefined
  readonly signal: AbortSignal | undefined
}

/** The steps from where the run stands to its end, or to the signal. */
export async function* trainSteps(context: StepContext): AsyncGenerator<TrainEvent> {
  const { prepared, session, progress, target, signal } = context
  const { plan, now, reference } = prepared
  const place = (step: number) => ({ step, totalSteps: plan.totalSteps })
  const pace = paceFrom(now, progress.step, plan.totalSteps)
  const read = (step: number) =>
    Promise.all(plan.microBatches(step).map((rows) => makeMicroBatch(prepared.source, rows)))
  if (signal?.aborted) return
  for await (const batches of prefetched(plan.totalSteps, read, { from: progress.step })) {
    const arrays = batches.map((batch) => (reference ? reference.attach(batch) : batch.arrays))
    const started = now()
    const outcome = await session.step(place(progress.step), arrays)
    requireFinite(place(progress.step), outcome.reports, target.checkpoints?.folder, outcome.gradNorm)
    const tokens = batches.reduce((sum, batch) => sum + batch.tokens, 0)
    const record = advance(progress, outcome, tokens, plan.stepsPerEpoch)
    yield { type: 'step-end', ...record, totalSteps: plan.totalSteps, tokens, ...pace(tokens, started, record.step) }
    yield* after(context)
    if (signal?.aborted) return
  }
}

/** Enters a finished step into the progress. */
const advance = (
  progress: Progress,
  { reports, gradNorm, learningRate }: StepOutcome,
  tokens: number,
  stepsPerEpoch: number,
): StepRecord => {
  progress.step += 1
  progress.tokens += tokens
  const { step } = progress
  const metrics = { ...microBatchMeans(reports), num_tokens: progress.tokens }
  const record = { step, epoch: step / stepsPerEpoch, loss: lossOf(reports), metrics, gradNorm, learningRate }
  progress.history.push(record)
  return record
}

/** What is due after a step: evaluation, checkpoint, end of an epoch. */
async function* after({
  prepared: { plan },
  progress,
  target,
  session,
  evaluator,
  evaluation,
}: StepContext): AsyncGenerator<TrainEvent> {
  const { step } = progress
  const [epochEnds, last] = [step % plan.stepsPerEpoch === 0, step === plan.totalSteps]
  const due = (every: number | undefined, otherwise: boolean) => last || (every ? step % every === 0 : otherwise)
  if (evaluator && due(evaluation?.every, epochEnds))
    yield evaluated(progress, await evaluator.run(session.held.parameters!))
  if (due(target.checkpoints?.every, false)) yield* save(target, progress)
  if (epochEnds) yield { type: 'epoch-end', epoch: step / plan.stepsPerEpoch, step }
}

/** Enters an evaluation into the progress. */
const evaluated = (progress: Progress, { loss, metrics }: { loss: number; metrics: EvalEnd['metrics'] }): EvalEnd => {
  const { step } = progress
  if (loss < (progress.best?.loss ?? Number.POSITIVE_INFINITY)) progress.best = { step, loss }
  const event: EvalEnd = { type: 'eval-end', step, loss, metrics }
  progress.evaluations.push(event)
  return event
}

/** Pace of each step, and the time left at the mean pace so far, evaluations and checkpoints included. */
const paceFrom = (now: () => number, first: number, totalSteps: number) => {
  const began = now()
  return (tokens: number, started: number, done: number): Pick<StepEnd, 'tokensPerSecond' | 'etaSeconds'> => {
    const at = now()
    const [own, all] = [(at - started) / 1000, (at - began) / 1000]
    return { tokensPerSecond: own > 0 ? tokens / own : 0, etaSeconds: (all / (done - first)) * (totalSteps - done) }
  }
}
