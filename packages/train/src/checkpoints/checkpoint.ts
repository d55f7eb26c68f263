import type { EvalEnd, StepRecord } from '../loop/events'

/** What decides the course of a run; a checkpoint is only resumed under equal settings. Plain JSON. */
export type RunSettings = Readonly<Record<string, unknown>>

/** What a checkpoint says beside its arrays. */
export interface CheckpointRecord {
  /** Steps done. */
  readonly step: number
  /** Tokens seen so far, as TRL counts them. */
  readonly tokens: number
  readonly settings: RunSettings
  readonly history: readonly StepRecord[]
  readonly evaluations: readonly EvalEnd[]
  /** Best evaluation so far. */
  readonly best?: { readonly step: number; readonly loss: number } | undefined
}

/** A checkpoint read back: its folder, record, and flat vectors by name. */
export interface Checkpoint {
  readonly path: string
  readonly record: CheckpointRecord
  readonly state: Readonly<Record<string, Float32Array>>
}

/** Folder name of a step's checkpoint: as transformers names it. */
export const checkpointName = (step: number): string => `checkpoint-${step}`

/** Step of a checkpoint folder's name; undefined for other names. */
export const stepOfName = (name: string): number | undefined => {
  const found = /^checkpoint-(\d+)$/.exec(name)
  return found ? Number(found[1]) : undefined
}

/** Names of the files in a checkpoint folder. */
export const checkpointFiles = { state: 'state.safetensors', record: 'checkpoint.json' } as const

/** Version of the layout of `checkpoint.json`. */
export const checkpointFormat = 1
