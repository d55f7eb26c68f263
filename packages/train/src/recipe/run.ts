import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type LoraAdapter, lora, mergeParameter, saveAdapter } from '@qilin-med/lora'
import { cpt, dpo, sft } from '@qilin-med/losses'
import { type LoadedModel, loadModel, loadTokenizer, type WeightFormat, writeCheckpoint } from '@qilin-med/models'
import type { NdArray, Runtime } from '@qilin-med/tensor'
import type { DataSource } from '../data/dataset'
import { TrainError } from '../errors'
import type { RunEnd, TrainEvent } from '../loop/events'
import type { Loss } from '../loop/objective'
import { train } from '../loop/train'
import { adamw } from '../optimizers/adam'
import { cosine } from '../schedules/cosine'
import { linear } from '../schedules/linear'
import type { Schedule } from '../schedules/schedule'
import { warmupDecay } from '../schedules/warmup-decay'
import { type Recipe, type StageName, type StageSettings, stageNames } from './recipe'
import { type RecipeRows, readStageRows, type StageRows } from './rows'

/** A recipe with what it is run on. */
export interface RecipeRun extends Recipe {
  /** Folder of the model to start from, as Hugging Face lays it out. */
  readonly base: string
  /** Folder with `cpt.txt`, `sft.jsonl` and `dpo.json` (needs `@qilin-med/chimed`), or the rows of each stage. */
  readonly data: string | RecipeRows
  /** Folder for what comes out: `<stage>/model`, `<stage>/adapter`, `<stage>/checkpoints`. */
  readonly out: string
  /** Default: one on `onnxruntime-node`, made and disposed of here. */
  readonly runtime?: Runtime
  /**
   * How frozen matrices are kept in stages that train an adapter; default `float32`. Adapters are merged into the
   * original weights, whatever they were trained on.
   */
  readonly weights?: WeightFormat
  /** Steps between checkpoints; default 100. */
  readonly checkpointEvery?: number
  readonly signal?: AbortSignal
  readonly clock?: () => number
}

/** A stage begins. */
export interface StageStart {
  readonly type: 'stage-start'
  readonly stage: StageName
  /** Folder of the model that it starts from. */
  readonly model: string
  /** Records of the data file that gave no row, by reason. */
  readonly dropped: Readonly<Record<string, number>>
}

/** A stage is complete: its model is on disk. */
export interface StageEnd {
  readonly type: 'stage-end'
  readonly stage: StageName
  /** Folder of the trained (and merged) model. */
  readonly model: string
  /** Folder of the adapter, in PEFT's format; undefined when all parameters were trained. */
  readonly adapter: string | undefined
  /** True when an earlier run had done it already. */
  readonly before: boolean
}

/** What a recipe tells while it runs: the events of each stage's training with the stage's name, and its begin and end. */
export type RecipeEvent = StageStart | StageEnd | (TrainEvent & { readonly stage: StageName })

/**
 * Runs the stages of a recipe one after the other: CPT, SFT and DPO, each on the merged model of the one before, so that
 * the reference model of DPO is the SFT model. Models are written in float32. The same call goes on where an earlier one
 * stopped.
 *
 * @throws TrainError as `train` does; `option` when the data has nothing for a stage
 */
export async function* runRecipe(run: RecipeRun): AsyncGenerator<RecipeEvent> {
  const runtime = run.runtime ?? (await defaultRuntime())
  try {
    let model = run.base
    for (const stage of stageNames) {
      if (!run[stage]) continue
      const end = yield* runStage(stage, model, { ...run, runtime })
      if (!end) return // stopped by the signal
      model = end.model
    }
  } finally {
    if (!run.runtime) await runtime.dispose()
  }
}

const defaultRuntime = async (): Promise<Runtime> => (await import('@qilin-med/tensor/node')).nodeRuntime()

/** One stage; returns its end, or undefined when it was stopped before. */
async function* runStage(
  stage: StageName,
  from: string,
  run: RecipeRun & { readonly runtime: Runtime },
): AsyncGenerator<RecipeEvent, StageEnd | undefined> {
  const settings = run[stage]!
  const folder = join(run.out, stage)
  const adapter = settings.adapter && join(folder, 'adapter')
  const end: StageEnd = { type: 'stage-end', stage, model: join(folder, 'model'), adapter, before: false }
  if (await isThere(join(end.model, 'config.json'))) {
    yield { ...end, before: true }
    return end
  }
  const weights = (settings.adapter && run.weights) || 'float32'
  const model = await loadModel(from, { runtime: run.runtime, weights })
  const { rows, dropped } = await rowsFor(stage, from, run)
  yield { type: 'stage-start', stage, model: from, dropped }
  const training = startTraining(stage, settings, model, rows, run)
  let last: RunEnd | undefined
  for await (const event of training) {
    if (event.type === 'run-end') last = event
    yield { ...event, stage }
  }
  if (last?.reason !== 'done') return undefined
  await mkdir(folder, { recursive: true })
  if (adapter) await saveAdapter(adapter, training.adapter, { baseModel: from })
  await writeModel(end.model, from, model, adapter ? training.adapter : training.parameters)
  yield end
  return end
}

const startTraining = (
  stage: StageName,
  settings: StageSettings,
  model: LoadedModel,
  data: DataSource,
  { out, seed, checkpointEvery = 100, signal, clock, ...recipe }: RecipeRun,
) => {
  const { weightDecay, clip, batch, epochs, steps, adapter } = settings
  const losses: Record<StageName, () => Loss> = {
    cpt: () => cpt(),
    sft: () => sft(),
    dpo: () => dpo({ beta: recipe.dpo!.beta }),
  }
  return train({
    model,
    ...(adapter && { adapter: lora(adapter) }),
    loss: losses[stage](),
    data,
    optimizer: adamw({ learningRate: scheduleOf(settings), weightDecay }),
    batch,
    clip,
    seed,
    ...(epochs !== undefined && { epochs }),
    ...(steps !== undefined && { steps }),
    checkpoints: { folder: join(out, stage, 'checkpoints'), every: checkpointEvery },
    ...(signal && { signal }),
    ...(clock && { clock }),
  })
}

const scheduleOf = ({ schedule, learningRate: peak, warmup }: StageSettings): Schedule => {
  const makers = { linear, cosine, 'warmup-decay': warmupDecay }
  return makers[schedule]({ peak, warmup })
}

const rowsFor = async (stage: StageName, model: string, { data, ...recipe }: RecipeRun): Promise<StageRows> => {
  if (typeof data === 'string')
    return readStageRows(stage, recipe, { folder: data, tokenizer: await loadTokenizer(model) })
  const rows = data[stage]
  if (rows) return { rows, dropped: {} }
  throw new TrainError(
    'option',
    `runRecipe: expected rows for stage ${stage}, got none. Pass data.${stage}, or leave the stage out.`,
    { option: `data.${stage}` },
  )
}

/** Writes the model with what was trained in place of its weights; tokenizer files come from the model before. */
const writeModel = (
  folder: string,
  from: string,
  model: LoadedModel,
  trained: LoraAdapter | Readonly<Record<string, NdArray>>,
): Promise<readonly string[]> => {
  const merged = async (name: string): Promise<Float32Array> => {
    const original = () => model.checkpoint.read(name)
    if (isAdapter(trained)) return mergeParameter(trained, name, await original())
    return (trained[name]?.data as Float32Array | undefined) ?? original()
  }
  const tensors = model.parameters.map(({ name, shape }) => ({
    name,
    shape,
    dtype: 'float32' as const,
    data: () => merged(name),
  }))
  return writeCheckpoint(folder, { config: model.checkpoint.config, tensors, tokenizerFolder: from })
}

const isAdapter = (trained: LoraAdapter | Readonly<Record<string, NdArray>>): trained is LoraAdapter =>
  'layout' in trained && 'apply' in trained

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
