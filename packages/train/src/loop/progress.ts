import type { Runtime } from '@qilin-med/tensor'
import type { Checkpoint, RunSettings } from '../checkpoints/checkpoint'
import { latestCheckpoint } from '../checkpoints/read'
import { requireEqualSettings } from '../checkpoints/settings'
import { clearPartial, pruneCheckpoints, writeCheckpoint } from '../checkpoints/write'
import type { CheckpointEnd, EvalEnd, StepRecord, Warning } from './events'
import type { CheckpointOptions } from './options'
import { downloadFloat32, type Session } from './session'

/** Where a run stands. Changes from step to step. */
export interface Progress {
  /** Steps done. */
  step: number
  /** Tokens seen, as TRL counts them. */
  tokens: number
  readonly history: StepRecord[]
  readonly evaluations: EvalEnd[]
  /** Best evaluation so far. */
  best: { readonly step: number; readonly loss: number } | undefined
  /** Step of the last checkpoint. */
  saved: number
}

/** The progress that a checkpoint left, or that of a new run. */
export const progressFrom = (resumed: Checkpoint | undefined): Progress => {
  const { step = 0, tokens = 0, history = [], evaluations = [], best } = resumed?.record ?? {}
  return { step, tokens, history: [...history], evaluations: [...evaluations], best, saved: step }
}

/**
 * The newest readable checkpoint of the folder, and a warning for each newer one that cannot be read.
 *
 * @throws TrainError `checkpoint-mismatch` when it belongs to a run with other settings
 */
export const resume = async (
  checkpoints: CheckpointOptions | undefined,
  settings: RunSettings,
): Promise<{ readonly resumed: Checkpoint | undefined; readonly warnings: readonly Warning[] }> => {
  if (!checkpoints) return { resumed: undefined, warnings: [] }
  await clearPartial(checkpoints.folder)
  const warnings: Warning[] = []
  const resumed = await latestCheckpoint(checkpoints.folder, ({ message, path }) => {
    warnings.push({ type: 'warning', code: 'bad-checkpoint', message, ...(path !== undefined && { path }) })
  })
  if (resumed) requireEqualSettings(resumed.path, resumed.record.settings, settings)
  return { resumed, warnings }
}

/** Where and from what checkpoints are written. */
export interface SaveTarget {
  readonly checkpoints: CheckpointOptions | undefined
  readonly settings: RunSettings
  readonly runtime: Runtime
  readonly session: Session
}

/** Saves the run where it stands, unless it is saved already. @throws TrainError `checkpoint-write` */
export async function* save(
  { checkpoints, settings, runtime, session }: SaveTarget,
  progress: Progress,
): AsyncGenerator<CheckpointEnd> {
  if (!checkpoints || progress.step === progress.saved) return
  const { folder, keep = 2 } = checkpoints
  const { step, tokens, history, evaluations, best } = progress
  const state = Object.fromEntries(
    Object.entries(session.held).map(([name, resident]) => [
      name,
      { size: resident.shape[0]!, read: () => downloadFloat32(runtime, resident) },
    ]),
  )
  const path = await writeCheckpoint(folder, { step, tokens, settings, history, evaluations, best }, state)
  progress.saved = step
  await pruneCheckpoints(folder, keep, best?.step)
  yield { type: 'checkpoint-end', step, path }
}
