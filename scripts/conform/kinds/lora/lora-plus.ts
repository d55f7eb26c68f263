import { join } from 'node:path'
import { adapterFrom, adapterLayout, lora, selectModules } from '@qilin-med/lora'
import { loadModel } from '@qilin-med/models'
import { compile, type FlatLayout, f32, type Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { adamw, loraPlus, type Optimizer, type UpdateInputs } from '@qilin-med/train'
import type { Case, Outcome } from '../../kind'
import { globalNorm, largest, relative, worstOf } from '../models/compare'
import { type Golden, openGolden } from '../models/golden'
import { lossAndGradients } from '../models/passes'

const path = 'lora/loraplus'
const prefix = 'base_model.model.'

interface Json {
  readonly losses: readonly number[]
  readonly grad_norms: readonly number[]
  readonly groups: readonly { readonly lr: number; readonly weight_decay: number; readonly params: readonly string[] }[]
  readonly options: { readonly lr: number; readonly ratio: number; readonly wd: number; readonly steps: number }
  readonly r: number
  readonly alpha: number
}

interface Ours {
  readonly losses: readonly number[]
  readonly norms: readonly number[]
  readonly layout: FlatLayout
  readonly end: Float32Array
}

/** Steps of AdamW with the rates of LoRA+: each parameter's rate, the losses and gradient norms, the weights at the end. */
export const loraPlusCases = async (golden: string): Promise<Case[]> => {
  const theirs = await openGolden<Json>(join(golden, path))
  if (!theirs) return []
  let running: Promise<Ours> | undefined
  const ours = () => (running ??= descend(golden, theirs))
  const { json } = theirs
  const checks: Record<string, (ours: Ours) => Outcome> = {
    rates: ({ layout }) => rates(layout, json),
    losses: ({ losses }) => series(losses, json.losses, 2e-4),
    grad_norms: ({ norms }) => series(norms, json.grad_norms, 5e-4),
    end: ({ layout, end }) =>
      worstOf(
        layout.entries.map(({ name, shape, offset, size }) => [
          name,
          largest({ shape, data: end.subarray(offset, offset + size) }, theirs.get(`end.${prefix}${name}`)),
        ]),
        2e-4,
      ),
  }
  return Object.entries(checks).map(([name, compare]) => ({ path, name, run: async () => compare(await ours()) }))
}

const series = (ours: readonly number[], theirs: readonly number[], tolerance: number): Outcome => {
  if (ours.length !== theirs.length) throw new Error(`expected ${theirs.length} values, got ${ours.length}`)
  return worstOf(
    theirs.map((value, i) => [`step ${i}`, relative(ours[i]!, value)]),
    tolerance,
  )
}

const rates = (layout: FlatLayout, { groups, options }: Json): Outcome => {
  const scale = loraPlus(options.ratio)
  const each = groups.flatMap(({ lr, params }) =>
    params.map((key) => {
      const entry = layout.entries.find(({ name }) => prefix + name === key)
      return [key, entry ? relative(options.lr * scale(entry.name, entry.shape), lr) : Number.NaN] as const
    }),
  )
  return worstOf(each, 1e-9)
}

const descend = async (golden: string, theirs: Golden<Json>): Promise<Ours> => {
  await using runtime = await nodeRuntime({ threads: 1 })
  const model = await loadModel(join(golden, 'models/llama'), { runtime })
  const { options, r, alpha } = theirs.json
  const keys = theirs.names.filter((name) => name.startsWith(`start.${prefix}`))
  const targets = keys.map((key) => key.slice(`start.${prefix}`.length).replace(/\.lora_[AB]\.weight$/, ''))
  const { config } = lora({ rank: r, alpha, targetModules: [...new Set(targets)] })
  const modules = selectModules(model.modules, config)
  const layout = adapterLayout(config, modules)
  let values: Float32Array = new Float32Array(layout.size)
  for (const { name, offset } of layout.entries) values.set(theirs.get(`start.${prefix}${name}`).data, offset)

  const optimizer = adamw({
    learningRate: options.lr,
    weightDecay: options.wd,
    rateScale: loraPlus(options.ratio),
  })
  const step = stepper(runtime, optimizer, layout)
  const batch = { ids: theirs.get('input_ids'), mask: theirs.get('attention_mask') }
  const [losses, norms]: [number[], number[]] = [[], []]
  for (let s = 0; s <= options.steps; s++) {
    const { sum, count, gradients } = await lossAndGradients(
      model,
      batch,
      theirs.get('labels'),
      adapterFrom(config, modules, values),
    )
    losses.push(sum / count)
    if (s === options.steps) break
    norms.push(globalNorm(gradients.values()))
    const flat = new Float32Array(layout.size)
    for (const { name, offset } of layout.entries) flat.set(gradients.get(name)!.data, offset)
    values = await step(values, flat, s)
  }
  return { losses, norms, layout, end: values }
}

/** One optimiser step on plain arrays; its state stays here. */
const stepper = (runtime: Runtime, optimizer: Optimizer, layout: FlatLayout) => {
  let slots = optimizer.init(layout)
  const flat = f32(layout.size)
  const types = {
    parameters: flat,
    gradients: flat,
    state: mapValues(slots, ({ length }) => f32(length)),
    scalars: mapValues(optimizer.scalars(0, 0), () => f32()),
  }
  const program = compile((inputs: UpdateInputs) => optimizer.update(inputs, layout), { runtime, inputs: [types] })
  return async (parameters: Float32Array, gradients: Float32Array, s: number): Promise<Float32Array> => {
    const scalars = optimizer.scalars(s, optimizer.learningRate(s, s + 1))
    const next = await program({ parameters, gradients, state: slots, scalars })
    slots = mapValues(next.state, ({ data }) => data as Float32Array)
    return next.parameters.data as Float32Array
  }
}

const mapValues = <V, R>(record: Readonly<Record<string, V>>, map: (value: V) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
