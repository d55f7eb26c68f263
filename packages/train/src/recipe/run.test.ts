import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { splitManifest, tests } from '@qilin-med/chimed'
import { loadAdapter, mergeParameter } from '@qilin-med/lora'
import { loadModel } from '@qilin-med/models'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TrainError } from '../errors'
import { writeTinyCheckpoint } from '../test/tiny-checkpoint'
import { qilinPaper, qilinScripts, type Recipe } from './recipe'
import { type RecipeEvent, type RecipeRun, runRecipe } from './run'

let runtime: Runtime
let folder: string
beforeAll(async () => {
  runtime = await nodeRuntime()
  folder = await mkdtemp(join(tmpdir(), 'train-recipe-'))
  await writeTinyCheckpoint(join(folder, 'base'))
  await writeFile(join(folder, 'cpt.txt'), 'fictional illness one.\nfictional illness two is like one.\n'.repeat(6))
  await writeFile(join(folder, 'sft.jsonl'), conversation('what is one?', 'an illness.').repeat(5))
  const pair = { question: 'what is two?', response_chosen: 'like one.', response_rejected: 'no idea' }
  await writeFile(join(folder, 'dpo.json'), `${JSON.stringify(pair)}\n`.repeat(4))
})
afterAll(async () => {
  await runtime.dispose()
  await rm(folder, { recursive: true })
})

const conversation = (input: string, output: string): string =>
  `${JSON.stringify({
    conversation: [
      { from: 'input', value: input },
      { from: 'output', value: output },
    ],
  })}\n`

/** The paper's recipe cut down to seconds. */
const small: Recipe = {
  ...qilinPaper,
  cpt: { ...qilinPaper.cpt!, blockSize: 16, batch: { rows: 4, accumulate: 2 }, epochs: 1 },
  sft: { ...qilinPaper.sft!, batch: { rows: 4 } },
  dpo: { ...qilinPaper.dpo!, batch: { rows: 2 } },
}

const collect = async (run: AsyncIterable<RecipeEvent>, visit: (event: RecipeEvent) => void = () => {}) => {
  const events: RecipeEvent[] = []
  for await (const event of run) {
    events.push(event)
    visit(event)
  }
  return events
}

const optionsFor = (out: string, more: Partial<RecipeRun> = {}): RecipeRun => ({
  ...small,
  base: join(folder, 'base'),
  data: folder,
  out: join(folder, out),
  runtime,
  clock: () => 0,
  ...more,
})

describe('runRecipe', () => {
  it('goes through CPT, SFT and DPO, each on the merged model of the one before, and writes what PEFT and Transformers read', async () => {
    const events = await collect(runRecipe(optionsFor('whole')))
    const stages = events.filter(({ type }) => type === 'stage-start' || type === 'stage-end')
    expect(stages.map(({ type, stage }) => `${stage} ${type}`)).toEqual(
      ['cpt', 'sft', 'dpo'].flatMap((stage) => [`${stage} stage-start`, `${stage} stage-end`]),
    )
    expect(
      stages.flatMap((event) => (event.type === 'stage-start' ? [event.model.slice(folder.length + 1)] : [])),
    ).toEqual(['base', 'whole/cpt/model', 'whole/sft/model'])
    const first = events.find((event) => event.type === 'step-end' && event.stage === 'dpo')
    expect(first).toMatchObject({ step: 1, metrics: { 'rewards/margins': 0 } })
    const model = await loadModel(join(folder, 'whole/dpo/model'), { runtime })
    const adapter = await loadAdapter(join(folder, 'whole/dpo/adapter'), model.modules)
    expect([adapter.config.alpha, adapter.config.rank]).toEqual([16, 8])
  })

  it('skips what an earlier run completed, and goes on bit for bit where it was stopped', async () => {
    const control = new AbortController()
    const stopped = await collect(runRecipe(optionsFor('halves', { signal: control.signal })), (event) => {
      if (event.type === 'step-end' && event.stage === 'sft') control.abort()
    })
    expect(stopped.at(-1)).toMatchObject({ type: 'run-end', reason: 'aborted', stage: 'sft' })
    const resumed = await collect(runRecipe(optionsFor('halves')))
    expect(resumed[0]).toMatchObject({ type: 'stage-end', stage: 'cpt', before: true })
    const weights = (out: string) => readFile(join(folder, out, 'dpo/model/model.safetensors'))
    expect((await weights('halves')).equals(await weights('whole'))).toBe(true)
  })

  it.each(['int8', 'int4'] as const)(
    'trains adapters on %s weights and merges them into the original ones',
    async (weights) => {
      const out = `on-${weights}`
      const { dpo: _, ...stages } = small
      const events = await collect(runRecipe({ ...optionsFor(out, { weights }), ...stages, dpo: undefined as never }))
      const losses = events.flatMap((event) => (event.type === 'step-end' && event.stage === 'sft' ? [event.loss] : []))
      expect(losses.length).toBeGreaterThan(0)
      const [before, after] = await Promise.all(
        ['cpt', 'sft'].map(async (stage) => loadModel(join(folder, out, stage, 'model'), { runtime })),
      )
      const adapter = await loadAdapter(join(folder, out, 'sft/adapter'), before!.modules)
      for (const { name } of before!.parameters) {
        const merged = mergeParameter(adapter, name, await before!.checkpoint.read(name))
        expect(await after!.checkpoint.read(name), name).toEqual(merged)
      }
    },
  )

  it('takes rows that are at hand, leaves absent stages out, and says which rows are missing', async () => {
    const { cpt: _, dpo: __, ...only } = small
    const inputIds = [5, 6, 7, 8]
    const data = { sft: [{ inputIds, labels: inputIds }] }
    const base = { ...only, base: join(folder, 'base'), runtime, data }
    const events = await collect(runRecipe({ ...base, out: join(folder, 'rows') }))
    expect(new Set(events.map(({ stage }) => stage))).toEqual(new Set(['sft']))
    const error: TrainError = await collect(runRecipe({ ...optionsFor('missing'), data })).catch((caught) => caught)
    expect([error.code, error.option]).toEqual(['option', 'data.cpt'])
  })
})

it('the presets are plain data with the figures of the paper and of the scripts', () => {
  for (const recipe of [qilinPaper, qilinScripts]) expect(JSON.parse(JSON.stringify(recipe))).toEqual(recipe)
  const figures = ({ cpt, sft, dpo }: Recipe) =>
    [cpt, sft, dpo].map((s) => [s!.learningRate, s!.warmup, s!.weightDecay])
  expect(figures(qilinPaper)).toEqual([
    [2e-4, 0.05, 0.01],
    [2e-5, 0.05, 0.05],
    [2e-5, 0.05, 0.05],
  ])
  expect(figures(qilinScripts)[2]).toEqual([5e-4, 100, 0])
  const { batch } = qilinScripts.dpo!
  expect(batch.rows * batch.accumulate!).toBe(1024)
})

it('refuses a record that the split manifest beside the data lists as test', async () => {
  const data = join(folder, 'leaky')
  await mkdir(data)
  await writeFile(
    join(data, 'sft.jsonl'),
    conversation('what is one?', 'an illness.') + conversation('what is six?', 'it.'),
  )
  const test = tests.items([{ question: 'What is six', context: '' }], { name: 'exam' })
  await writeFile(join(data, 'splits.json'), JSON.stringify(await splitManifest({ tests: [test] })))
  const { cpt: _, dpo: __, ...sftOnly } = small
  const run = runRecipe({
    ...optionsFor('leaky-out', { data }),
    cpt: undefined as never,
    dpo: undefined as never,
    ...sftOnly,
  })
  const error: TrainError = await collect(run).catch((caught) => caught)
  expect([error.code, error.message]).toEqual(['split', expect.stringContaining('what is six')])
})
