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

/** How far a loss fell: means of `steps` steps at both ends, a whole pass over the rows where there were two. */
export interface LossFall {
  readonly first: number
  readonly last: number
  readonly steps: number
}

/** Single steps see different rows and cannot be compared; means over a pass, or over half of one, can. */
const lossFall = (curve: readonly CurvePoint[], stepsPerPass: number): LossFall => {
  const steps = Math.max(1, Math.min(stepsPerPass, Math.floor(curve.length / 2)))
  const mean = (points: readonly CurvePoint[]) => points.reduce((sum, { loss }) => sum + loss, 0) / points.length
  return { first: mean(curve.slice(0, steps)), last: mean(curve.slice(-steps)), steps }
}

/** A trained adapter and how its loss went. */
export interface TrainedStage {
  readonly adapter: LoraAdapter
  readonly curve: readonly CurvePoint[]
  readonly loss: LossFall
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
  let [finished, stepsPerPass] = [false, 1]
  const record = ({ step, loss, learningRate }: CurvePoint) => curve.push({ step, loss, learningRate })
  for await (const event of run) {
    for (const report of reporters) await report(event)
    if (event.type === 'run-start') {
      event.history.forEach(record)
      stepsPerPass = event.stepsPerEpoch
    }
    if (event.type === 'step-end') record(event)
    if (event.type === 'run-end') finished = event.reason === 'done'
  }
  return { adapter: run.adapter, curve, loss: lossFall(curve, stepsPerPass), finished }
}
