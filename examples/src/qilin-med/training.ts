import { join } from 'node:path'
import type { LoraAdapter } from '@qilin-med/lora'
import { lora } from '@qilin-med/lora'
import { cpt, dpo, sft } from '@qilin-med/losses'
import type { LanguageModel, Module, Network } from '@qilin-med/models'
import {
  adamw,
  cosine,
  jsonl,
  progressBar,
  type TrainingRow,
  type TrainOptions,
  tensorboard,
  train,
} from '@qilin-med/train'
import type { Domain, StageSettings } from './domain'

/** The three stages that train. */
export type Stage = 'cpt' | 'sft' | 'dpo'

/** One point of a training curve. */
export interface CurvePoint {
  readonly step: number
  readonly loss: number
  readonly learningRate: number
}

/** A trained adapter and how its loss went. */
export interface TrainedStage {
  readonly adapter: LoraAdapter
  readonly curve: readonly CurvePoint[]
  readonly finished: boolean
}

/** What a stage trains with. */
export interface StageOptions {
  readonly stage: Stage
  readonly domain: Domain
  readonly model: LanguageModel
  readonly rows: readonly TrainingRow[]
  /** Adapter to go on with; a new one without. */
  readonly from?: LoraAdapter | undefined
  readonly seed: number
  /** Folder of the run: `checkpoints/`, `logs/`. */
  readonly folder: string
  readonly signal: AbortSignal
}

const losses = { cpt: cpt(), sft: sft(), dpo: dpo({ beta: 0.1 }) }

/** Trains one stage; goes on from the newest checkpoint in its folder. */
export const trainStage = async (options: StageOptions): Promise<TrainedStage> => {
  const { stage, domain, model, rows, from, seed, folder, signal } = options
  const settings: StageSettings = domain[stage]
  const fresh = lora({ ...domain.adapter, targetModules: 'all-linear' })
  const plan: TrainOptions<Network, readonly Module[], LoraAdapter> = {
    model,
    adapter: from ?? fresh,
    loss: losses[stage],
    data: rows,
    optimizer: adamw({ learningRate: cosine({ peak: settings.rate, warmup: 0.05 }), weightDecay: 0.01 }),
    batch: { rows: settings.rows, accumulate: settings.accumulate ?? 1 },
    steps: settings.steps,
    seed,
    checkpoints: {
      folder: join(folder, 'checkpoints', stage),
      every: Math.max(10, Math.ceil(settings.steps / 4)),
      keep: 2,
    },
    signal,
  }
  const run = train(plan)
  const reporters = [
    progressBar({ stream: process.stderr, label: `  ${stage}`, lines: 5 }),
    jsonl(join(folder, 'logs', `${stage}.jsonl`)),
    tensorboard(join(folder, 'logs', 'tensorboard', stage)),
  ]
  const curve: CurvePoint[] = []
  let finished = false
  const record = ({ step, loss, learningRate }: CurvePoint) => curve.push({ step, loss, learningRate })
  for await (const event of run) {
    for (const report of reporters) await report(event)
    if (event.type === 'run-start') event.history.forEach(record)
    if (event.type === 'step-end') record(event)
    if (event.type === 'run-end') finished = event.reason === 'done'
  }
  return { adapter: run.adapter, curve, finished }
}
