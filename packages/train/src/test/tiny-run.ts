import { sft } from '@qilin-med/losses'
import type { Runtime } from '@qilin-med/tensor'
import type { TrainOptions } from '../loop/options'
import { type TrainingRun, train } from '../loop/train'
import type { TrainableAdapter } from '../model'
import { adamw } from '../optimizers/adam'
import type { Optimizer } from '../optimizers/optimizer'
import { linear } from '../schedules/linear'
import { type TinyNetwork, tinyAdapter, tinyModel, tinyRows } from './tiny-model'

type Options = TrainOptions<TinyNetwork, readonly string[], TrainableAdapter<TinyNetwork>>

const optimizer = (peak: number): Optimizer => adamw({ learningRate: linear({ peak, warmup: 2 }) })

/** Eight shuffled steps over eight rows with an adapter: small enough to be run twice in a test. */
export const tinyRun = (runtime: Runtime, options: Partial<Options> = {}): TrainingRun<TrainableAdapter<TinyNetwork>> =>
  train({
    model: tinyModel(runtime),
    adapter: tinyAdapter({ dropout: 0.2 }),
    loss: sft(),
    data: tinyRows(8),
    optimizer: optimizer(0.05),
    batch: { rows: 2 },
    steps: 8,
    seed: 7,
    ...options,
  })

tinyRun.optimizer = optimizer
