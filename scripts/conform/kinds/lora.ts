import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { adapterFrom, type LoraAdapter, loadAdapter, mergeParameter, scalingOf } from '@qilin-med/lora'
import { createModel, type LoadedModel, loadModel } from '@qilin-med/models'
import { nodeRuntime } from '@qilin-med/tensor/node'
import type { Case, Kind, Outcome } from '../kind'
import { initCases } from './lora/init'
import { loraPlusCases } from './lora/lora-plus'
import { pissaCases } from './lora/pissa'
import { globalNorm, gradientDifferences, largest, relative, tolerances, within, worstOf } from './models/compare'
import { type Golden, type Numbers, openGolden, readJson } from './models/golden'
import { type Batch, type Differentiated, forwardPasses, lossAndGradients, weightOf } from './models/passes'

/** Adapters of PEFT: forward, gradients, merging, scaling, and the ways they are started and optimised. */
export const kind: Kind = { prefix: 'lora', discover: ({ golden }) => discover(golden) }

const prefix = 'base_model.model.'

interface Json {
  readonly base: string
  readonly loss: number
  readonly base_loss: number
  readonly disabled_loss: number
  readonly merged_loss: number
  readonly trainable: Readonly<Record<string, readonly number[]>>
  readonly scaling: Readonly<Record<string, number>>
  readonly grad_global_norm: number
}

/** What our code makes of an adapter folder. */
interface Ours {
  readonly adapter: LoraAdapter
  readonly logits: Numbers
  readonly mergedLogits: Numbers
  readonly loss: Differentiated
  readonly losses: Readonly<Record<'base_loss' | 'disabled_loss' | 'merged_loss', number>>
  merged(name: string): Float32Array
}

const discover = async (golden: string): Promise<Case[]> => {
  const root = join(golden, 'lora')
  const names = existsSync(root) ? readdirSync(root).sort() : []
  const folders = names.filter((name) => existsSync(join(root, name, 'adapter_config.json')))
  const cases = await Promise.all(folders.map((name) => casesOf(golden, `lora/${name}`)))
  return [...cases.flat(), ...initCases(golden), ...(await loraPlusCases(golden)), ...(await pissaCases(golden))]
}

const casesOf = async (root: string, path: string): Promise<Case[]> => {
  const golden = await openGolden<Json>(join(root, path, 'golden'))
  if (!golden) return []
  const dora = readJson<{ use_dora?: boolean }>(join(root, path), 'adapter_config.json')?.use_dora === true
  let running: Promise<Ours> | undefined
  const ours = () => (running ??= compute(root, path, golden))
  return Object.entries(checksOf(golden, dora)).map(([name, compare]) => ({
    path,
    name,
    run: async () => compare(await ours()),
  }))
}

const compute = async (root: string, path: string, golden: Golden<Json>): Promise<Ours> => {
  await using runtime = await nodeRuntime({ threads: 1 })
  const model = await loadModel(join(root, golden.json.base), { runtime })
  const adapter = await loadAdapter(join(root, path), model.modules)
  const merged = (name: string) => mergeParameter(adapter, name, weightOf(model, name))
  const mergedModel = mergedOf(model, merged)
  const batch: Batch = { ids: golden.get('input_ids'), mask: golden.get('attention_mask') }
  const labels = golden.get('labels')
  const lossOf = async (...[which, how]: [LoadedModel | ReturnType<typeof mergedOf>, LoraAdapter?]) => {
    const { sum, count } = await lossAndGradients(which, batch, labels, how)
    return sum / count
  }
  return {
    adapter,
    logits: (await forwardPasses(model, [batch], adapter))[0]!.logits,
    mergedLogits: (await forwardPasses(mergedModel, [batch]))[0]!.logits,
    loss: await lossAndGradients(model, batch, labels, adapter),
    losses: {
      base_loss: await lossOf(model),
      disabled_loss: await lossOf(model, switchedOff(adapter)),
      merged_loss: await lossOf(mergedModel),
    },
    merged,
  }
}

const mergedOf = (model: LoadedModel, merged: (name: string) => Float32Array) => {
  const shapes = new Map(model.parameters.map(({ name, shape }) => [name, shape]))
  return createModel(
    model.config,
    (name) => ({ dtype: 'float32', shape: shapes.get(name)!, data: merged(name) }),
    model.runtime,
  )
}

/** PEFT switches off the factors only and leaves trained biases in place; without those, no adapter at all. */
const switchedOff = ({ config, modules, layout, values }: LoraAdapter): LoraAdapter | undefined => {
  if (config.bias === 'none') return undefined
  const kept = new Float32Array(values.length)
  for (const { name, offset, size } of layout.entries)
    if (name.endsWith('bias')) kept.set(values.subarray(offset, offset + size), offset)
  return adapterFrom(config, modules, kept)
}

const checksOf = (golden: Golden<Json>, dora: boolean): Record<string, (ours: Ours) => Outcome> => {
  const { json } = golden
  const mask = golden.get('attention_mask').data
  const weights = within(golden, 'merged_weight.')
  return {
    logits: ({ logits }) => ({
      difference: largest(logits, golden.get('logits'), mask),
      tolerance: dora ? tolerances.merged : tolerances.logits,
    }),
    merged_logits: ({ mergedLogits }) => ({
      difference: largest(mergedLogits, golden.get('merged_logits'), mask),
      tolerance: tolerances.merged,
    }),
    merged_weight: ({ merged }) =>
      worstOf(
        [...weights].map(([path, { shape, data }]) => [
          path,
          largest({ shape, data: merged(`${path}.weight`) }, { shape, data }),
        ]),
        tolerances.logits,
      ),
    loss: ({ loss, losses }) =>
      worstOf(
        [
          ['loss', relative(loss.sum / loss.count, json.loss)],
          ...(['base_loss', 'disabled_loss', 'merged_loss'] as const).map(
            (name) => [name, relative(losses[name], json[name])] as const,
          ),
        ],
        tolerances.loss,
      ),
    grad: ({ loss }) => {
      const theirs = within(golden, `grad.${prefix}`)
      const extra = [...loss.gradients.keys()].find((name) => !theirs.has(name))
      if (extra !== undefined) throw new Error(`expected PEFT's trained tensors only, got ${extra}`)
      return worstOf(gradientDifferences(theirs, loss.gradients), tolerances.gradients)
    },
    grad_global_norm: ({ loss }) => ({
      difference: relative(globalNorm(loss.gradients.values()), json.grad_global_norm),
      tolerance: tolerances.gradientNorm,
    }),
    scaling: ({ adapter }) =>
      worstOf(
        Object.entries(json.scaling).map(([path, scaling]) => [
          path,
          relative(scalingOf(adapter.config, path).scaling, scaling),
        ]),
        1e-12,
      ),
    trainable: ({ adapter }) => {
      const ours = new Map(adapter.layout.entries.map(({ name, shape }) => [prefix + name, `${shape}`]))
      const wrong = Object.entries(json.trainable).filter(([name, shape]) => ours.get(name) !== `${shape}`)
      return {
        difference: wrong.length + Math.abs(ours.size - Object.keys(json.trainable).length),
        tolerance: 0,
        detail: `${ours.size} tensors`,
      }
    },
  }
}
