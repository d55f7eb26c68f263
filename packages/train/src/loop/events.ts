/** Values of a loss and of what is logged beside it. */
export interface StepRecord {
  /** Optimiser steps done, this one included. */
  readonly step: number
  /** Passes over the data so far, with fraction. */
  readonly epoch: number
  /** Sum of the losses over their weight, over all micro-batches of the step. */
  readonly loss: number
  /** Under TRL's names; means over the micro-batches of the step, as TRL takes them. */
  readonly metrics: Readonly<Record<string, number>>
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number
  /** Rate that this step used. */
  readonly learningRate: number
}

/** The run is ready: data and model are checked, programs and state are loaded. */
export interface RunStart {
  readonly type: 'run-start'
  /** Steps done before: 0, or that of the checkpoint the run goes on from. */
  readonly step: number
  readonly totalSteps: number
  readonly stepsPerEpoch: number
  /** Rows of the data. */
  readonly rows: number
  readonly trainedParameters: number
  /** Checkpoint the run goes on from. */
  readonly resumedFrom: string | undefined
  /** Records of the steps done before. */
  readonly history: readonly StepRecord[]
  /** Evaluations done before. */
  readonly evaluations: readonly EvalEnd[]
}

/** Progress of the pass that computes reference log-probabilities, before the first step. */
export interface ReferenceStep {
  readonly type: 'reference-step'
  readonly done: number
  readonly total: number
}

/** An optimiser step is done. */
export interface StepEnd extends StepRecord {
  readonly type: 'step-end'
  readonly totalSteps: number
  /** Tokens of this step as TRL counts them: without padding, a pair's prompt twice. */
  readonly tokens: number
  readonly tokensPerSecond: number
  /** Time left at the mean pace so far. */
  readonly etaSeconds: number
}

/** The held-out rows were scored. */
export interface EvalEnd {
  readonly type: 'eval-end'
  readonly step: number
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
}

/** A checkpoint is complete on disk. */
export interface CheckpointEnd {
  readonly type: 'checkpoint-end'
  readonly step: number
  readonly path: string
}

/** The last step of a pass over the data is done. */
export interface EpochEnd {
  readonly type: 'epoch-end'
  /** 1 after the first pass. */
  readonly epoch: number
  readonly step: number
}

/** Something was not as it should be, and the run goes on. */
export interface Warning {
  readonly type: 'warning'
  readonly code: 'bad-checkpoint'
  readonly message: string
  readonly path?: string
}

/** The run is over; `run.adapter` or `run.parameters` can be read. */
export interface RunEnd {
  readonly type: 'run-end'
  readonly step: number
  /** `aborted` when the signal stopped it after a step; it can be resumed. */
  readonly reason: 'done' | 'aborted'
  /** Time of this run, without what was done before it was resumed. */
  readonly seconds: number
}

/** What a run tells while it goes on. Plain data: reporters, files and other processes take it as it is. */
export type TrainEvent = RunStart | ReferenceStep | StepEnd | EvalEnd | CheckpointEnd | EpochEnd | Warning | RunEnd
