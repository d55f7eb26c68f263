import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { adapterFrom, adapterLayout, lora, selectModules } from '@qilin-med/lora'
import { cpt, type DpoType, dpo, sft } from '@qilin-med/losses'
import { loadModel } from '@qilin-med/models'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { readFloat32, readSafetensors, type SafetensorsFile } from '@qilin-med/tensor/safetensors'
import { adamw, type Loss, type StepEnd, type TrainingRow, train } from '@qilin-med/train'
import type { Case, Kind, Outcome } from '../kind'
import { scheduleOf } from './schedules'

/** Training curves of TRL and transformers: loss, gradient norm, rate and metrics of every step, and the final weights. */
export const kind: Kind = { prefix: 'curves', discover: ({ golden }) => discover(golden) }

/** As the README of the golden set suggests: two float32 implementations over 24 steps. */
const tolerances = { loss: 2e-4, grad_norm: 5e-4, learning_rate: 1e-9, metrics: 2e-4, 'final weights': 2e-4 } as const
type Quantity = keyof typeof tolerances

interface Curve {
  readonly options: {
    readonly trainer: string
    readonly base: string
    readonly batch: number
    readonly accumulation: number
    readonly lr: number
    readonly weight_decay: number
    readonly warmup_steps_or_ratio: number
    readonly scheduler: string
    readonly max_grad_norm: number
    readonly betas: readonly [number, number]
    readonly eps: number
    readonly r?: number
    readonly alpha?: number
    readonly targets?: readonly string[]
    readonly beta?: number
    readonly loss_type?: readonly string[]
  }
  readonly log: Readonly<Record<string, readonly (number | null)[]>>
  readonly rows: readonly Readonly<Record<string, readonly number[]>>[]
}

interface Trained {
  readonly steps: readonly StepEnd[]
  /** Our parameters under the names of the golden file. */
  readonly end: ReadonlyMap<string, Float32Array>
}

const discover = async (golden: string): Promise<Case[]> => {
  const files = (await readdir(join(golden, 'curves')).catch(() => [])).filter((name) => name.endsWith('.json'))
  return files.flatMap((file) => {
    const path = `curves/${file.slice(0, -5)}`
    const curve = JSON.parse(readFileSync(join(golden, `${path}.json`), 'utf8')) as Curve
    let running: Promise<Trained> | undefined
    const trained = () => (running ??= replay(golden, path, curve))
    return (Object.keys(tolerances) as Quantity[])
      .filter((quantity) => quantity !== 'metrics' || metricNames(curve).length > 0)
      .map((name) => ({ path, name, run: async () => compare(name, await trained(), curve, golden, path) }))
  })
}

const notMetrics = ['loss', 'grad_norm', 'learning_rate_used', 'learning_rate_logged']
const metricNames = ({ log }: Curve): string[] => Object.keys(log).filter((name) => !notMetrics.includes(name))

const replay = async (golden: string, path: string, { options, rows }: Curve): Promise<Trained> => {
  await using runtime = await nodeRuntime()
  const model = await loadModel(join(golden, options.base), { runtime })
  const file = await readSafetensors(join(golden, `${path}.safetensors`))
  const adapter = options.r === undefined ? undefined : await startAdapter(model, options, file)
  const schedule = scheduleOf(options.scheduler, { peak: options.lr, warmup: options.warmup_steps_or_ratio }, {})
  if (!schedule) throw new Error(`no schedule of this name: ${options.scheduler}`)
  const run = train({
    model,
    ...(adapter && { adapter }),
    loss: lossOf(options),
    data: rows.map(rowOf),
    optimizer: adamw({
      learningRate: schedule,
      betas: options.betas,
      epsilon: options.eps,
      weightDecay: options.weight_decay,
    }),
    batch: { rows: options.batch, accumulate: options.accumulation },
    clip: options.max_grad_norm,
    epochs: 1,
    shuffle: false,
  })
  const steps: StepEnd[] = []
  for await (const event of run) if (event.type === 'step-end') steps.push(event)
  const prefix = adapter ? 'base_model.model.' : ''
  const end = Object.entries(run.parameters).map(([name, { data }]) => [prefix + name, data as Float32Array] as const)
  return { steps, end: new Map(end) }
}

const startAdapter = async (
  { modules }: Awaited<ReturnType<typeof loadModel>>,
  { r, alpha, targets }: Curve['options'],
  file: SafetensorsFile,
) => {
  const { config } = lora({ rank: r!, alpha: alpha!, targetModules: targets! })
  const selected = selectModules(modules, config)
  const layout = adapterLayout(config, selected)
  const values = new Float32Array(layout.size)
  for (const { name, offset } of layout.entries)
    values.set(await readFloat32(file, `start.base_model.model.${name}`), offset)
  return adapterFrom(config, selected, values)
}

const lossOf = ({ trainer, beta, loss_type: types = [] }: Curve['options']): Loss => {
  if (trainer.endsWith('DPOTrainer'))
    return dpo({
      ...(beta !== undefined && { beta }),
      type: Object.fromEntries(types.map((type) => [type, 1])) as Partial<Record<DpoType, number>>,
    })
  return trainer.endsWith('SFTTrainer') ? sft() : cpt()
}

const rowOf = (row: Curve['rows'][number]): TrainingRow =>
  row.prompt_ids
    ? { promptIds: row.prompt_ids, chosenIds: row.chosen_ids!, rejectedIds: row.rejected_ids! }
    : { inputIds: row.input_ids!, labels: row.labels! }

const compare = async (
  quantity: Quantity,
  { steps, end }: Trained,
  curve: Curve,
  golden: string,
  path: string,
): Promise<Outcome> => {
  const tolerance = tolerances[quantity]
  if (quantity === 'final weights') return { difference: await weightDifference(end, golden, path), tolerance }
  const { log } = curve
  const against = (expected: readonly (number | null)[], ours: (step: StepEnd) => number, relative = false) => {
    if (expected.length !== steps.length) return Number.NaN
    return worst(steps.map((step, i) => difference(ours(step), expected[i]!, relative)))
  }
  const detail = `${steps.length} steps`
  if (quantity === 'loss') return { difference: against(log.loss!, ({ loss }) => loss), tolerance, detail }
  if (quantity === 'grad_norm')
    return { difference: against(log.grad_norm!, ({ gradNorm }) => gradNorm, true), tolerance, detail }
  if (quantity === 'learning_rate')
    return { difference: against(log.learning_rate_used!, ({ learningRate }) => learningRate, true), tolerance, detail }
  const names = metricNames(curve)
  const each = names.map((name) => against(log[name]!, ({ metrics }) => metrics[name] ?? Number.NaN))
  return { difference: worst(each), tolerance, detail: `${detail}, ${names.join(', ')}` }
}

const difference = (ours: number, expected: number | null, relative: boolean): number => {
  if (expected === null) return Number.NaN
  const absolute = Math.abs(ours - expected)
  return relative && absolute > 0 ? absolute / Math.abs(expected) : absolute
}

const worst = (values: readonly number[]): number =>
  values.some(Number.isNaN) ? Number.NaN : values.reduce((a, b) => Math.max(a, b), 0)

const weightDifference = async (end: Trained['end'], golden: string, path: string): Promise<number> => {
  const file = await readSafetensors(join(golden, `${path}.safetensors`))
  const names = [...file.tensors.keys()].filter((name) => name.startsWith('end.'))
  const each = names.map(async (name) => {
    const [ours, expected] = [end.get(name.slice(4)), await readFloat32(file, name)]
    if (ours?.length !== expected.length) return Number.NaN
    return worst(Array.from(expected, (value, i) => Math.abs(ours[i]! - value)))
  })
  return names.length === end.size ? worst(await Promise.all(each)) : Number.NaN
}
