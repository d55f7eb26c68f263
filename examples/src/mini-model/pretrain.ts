/**
 * Makes the embedded base model: a small Llama, trained from scratch on the invented medical world by this project's
 * own tensor programs. `npm run example -- pretrain`: about half an hour on two idle cores; goes on where it stopped.
 */
import { appendFileSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createModel, type LanguageModel, parametersOf } from '@qilin-med/models'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import { type FlatLayout, flatLayout, type NdArray, type Resident, type Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { readFloat32, readSafetensors, writeSafetensors } from '@qilin-med/tensor/safetensors'
import { curriculum, type Phase } from '../world/curriculum'
import { buildWorld } from '../world/world'
import { miniModelConfig } from './architecture'
import { initialWeights } from './initial-weights'
import { type PretrainState, pretrainStep } from './pretrain-step'
import { packer, tokenize } from './rows'

const seed = 1
const [rows, length] = [8, 256]
const [beta1, beta2] = [0.9, 0.98]

interface PhasePlan {
  readonly phase: Phase
  readonly steps: number
  readonly peak: number
  readonly warmup: number
  readonly cosine: boolean
}

/** Phases in order, in steps of 8 × 256 tokens. */
const plan: readonly PhasePlan[] = [
  { phase: 'copy', steps: 250, peak: 1.5e-3, warmup: 50, cosine: false },
  { phase: 'letters', steps: 350, peak: 1.5e-3, warmup: 20, cosine: false },
  { phase: 'main', steps: 5600, peak: 1.5e-3, warmup: 50, cosine: true },
]

const rateAt = ({ steps, peak, warmup, cosine }: PhasePlan, step: number): number => {
  const warm = Math.min(1, (step + 1) / warmup)
  const fall = cosine ? 0.02 + 0.98 * 0.5 * (1 + Math.cos((Math.PI * step) / steps)) : 1
  return peak * warm * fall
}

interface Progress {
  readonly phase: number
  readonly step: number
  readonly total: number
}

const stateNames = ['parameters', 'first', 'second'] as const

const saveState = async (runtime: Runtime, path: string, state: PretrainState<Resident>, progress: Progress) => {
  const tensors = []
  for (const name of stateNames) {
    const { data, shape } = await runtime.download(state[name])
    tensors.push({ name, dtype: 'float32' as const, shape, data: data as Float32Array })
  }
  await writeSafetensors(path, tensors, { metadata: { progress: JSON.stringify(progress) } })
}

const restore = async (path: string): Promise<{ values: Record<string, Float32Array>; progress: Progress }> => {
  const file = await readSafetensors(path)
  const values: Record<string, Float32Array> = {}
  for (const name of stateNames) values[name] = await readFloat32(file, name)
  return { values, progress: JSON.parse(file.metadata.progress!) }
}

const vector = (data: Float32Array): NdArray => ({ dtype: 'float32', shape: [data.length], data })

/** Writes the model's weights under their checkpoint names. */
const saveModel = async (runtime: Runtime, folder: string, state: PretrainState<Resident>, { entries }: FlatLayout) => {
  const values = (await runtime.download(state.parameters)).data as Float32Array
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    entries.map(({ name, shape, offset, size }) => ({
      name,
      dtype: 'float32' as const,
      shape,
      data: values.subarray(offset, offset + size),
    })),
    { metadata: { format: 'pt' } },
  )
}

const main = async (): Promise<void> => {
  const here = dirname(fileURLToPath(import.meta.url))
  const folder = join(here, '../../models/mini')
  const work = join(here, '../../../out/pretrain')
  mkdirSync(work, { recursive: true })
  const logPath = join(work, 'log.jsonl')
  const statePath = join(work, 'state.safetensors')
  const tokenizer = await loadTokenizer(folder)
  await using runtime = await nodeRuntime({ threads: 2 })
  const config = miniModelConfig(tokenizer.vocabularySize)
  const layout = flatLayout(parametersOf(config))
  const model: LanguageModel = createModel(config, () => undefined, runtime)
  const step = pretrainStep(model, layout)
  const before = existsSync(statePath) ? await restore(statePath) : undefined
  const zeros = () => new Float32Array(layout.size)
  const state: PretrainState<Resident> = {
    parameters: await runtime.upload(vector(before?.values.parameters ?? initialWeights(config, layout, seed))),
    first: await runtime.upload(vector(before?.values.first ?? zeros())),
    second: await runtime.upload(vector(before?.values.second ?? zeros())),
  }
  const world = buildWorld({ seed })
  let total = before?.progress.total ?? 0
  let drawing = 0
  const started = performance.now()
  const startTotal = total
  for (const [index, phase] of plan.entries()) {
    if (index < (before?.progress.phase ?? 0)) continue
    const done = index === before?.progress.phase ? before.progress.step : 0
    const samples = curriculum({
      world,
      seed: seed + index,
      phase: phase.phase,
    })
    const nextBatch = packer(() => tokenize(tokenizer, samples.next().value), rows, length)
    let loss = 0
    for (let at = 0; at < phase.steps; at++) {
      const start = performance.now()
      const batch = nextBatch() // drawn also for steps already done, so that a resumed run sees the same data
      if (at < done) continue
      drawing += performance.now() - start
      total++
      const rates = {
        rate: rateAt(phase, at),
        firstCorrection: 1 - beta1 ** total,
        secondCorrection: 1 - beta2 ** total,
      }
      const [, result] = (await step(state, batch as never, rates)) as unknown as [unknown, Record<string, NdArray>]
      loss += Number(result.loss!.data[0])
      if (!Number.isFinite(loss)) throw new Error(`pretrain: expected a finite loss, got ${loss} at step ${total}.`)
      if ((at + 1) % 50 === 0) {
        const tokensPerSecond = ((total - startTotal) * rows * length * 1000) / (performance.now() - started)
        const line = {
          phase: phase.phase,
          step: at + 1,
          loss: loss / 50,
          rate: rates.rate,
          tokensPerSecond: Math.round(tokensPerSecond),
          drawing: Math.round(drawing),
        }
        appendFileSync(logPath, `${JSON.stringify(line)}\n`)
        process.stderr.write(`${JSON.stringify(line)}\n`)
        loss = 0
      }
      if (total % 500 === 0) {
        await saveState(runtime, statePath, state, { phase: index, step: at + 1, total })
        await saveModel(runtime, folder, state, layout)
      }
    }
  }
  await saveModel(runtime, folder, state, layout)
}

await main()
