import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createGenerator, createModel, type LanguageModel, loadModel, parseConfig } from '@qilin-med/models'
import { constantSource } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import type { Case, Kind, Outcome } from '../kind'
import { globalNorm, gradientDifferences, largest, relative, tolerances, within, worstOf } from './models/compare'
import { type Arrays, type Golden, type Numbers, openArrays, openGolden, readJson } from './models/golden'
import { type Batch, type Differentiated, forwardPasses, lossAndGradients } from './models/passes'

/** Decoder families: logits, losses, gradients, hidden states, greedy text, packed rows, with both config spellings. */
export const kind: Kind = { prefix: 'models', discover: ({ golden }) => discover(golden) }

interface Json {
  readonly family: string
  readonly loss_mean: number
  readonly loss_sum: number
  readonly label_count: number
  readonly loss_num_items_7?: number
  readonly grad_global_norm: number
  readonly sequence_logp_all: readonly number[]
  readonly sequence_logp_labels: readonly number[]
}

/** What the files of one checkpoint expect. */
interface Theirs {
  readonly golden: Golden<Json>
  readonly packed: Arrays | undefined
}

/** What our code makes of a checkpoint read with one config. */
interface Ours {
  readonly right: Numbers
  readonly left: Numbers
  readonly hidden: readonly Numbers[]
  readonly loss: Differentiated
  readonly greedy: readonly (readonly number[])[]
  /** Two documents in a row, apart and as one. */
  readonly packed: readonly Numbers[]
}

type Checks = Readonly<Record<string, (ours: Ours) => Outcome>>

const discover = async (golden: string): Promise<Case[]> => {
  const root = join(golden, 'models')
  const folders = existsSync(root) ? readdirSync(root).sort() : []
  return (await Promise.all(folders.map((folder) => casesOf(golden, folder)))).flat()
}

const casesOf = async (golden: string, folder: string): Promise<Case[]> => {
  const path = `models/${folder}`
  const own = join(golden, path)
  const theirs = await openTheirs(golden, folder)
  if (!theirs) return []
  const configs = ['config.json', 'config.v4.json'].filter((name) => existsSync(join(own, name)))
  return configs.flatMap((config) => {
    let running: Promise<Ours> | undefined
    const ours = () => (running ??= compute(own, config, theirs))
    return Object.entries(checksOf(theirs)).map(([check, compare]) => ({
      path,
      name: config === 'config.json' ? check : `${check} (v4 config)`,
      run: async () => compare(await ours()),
    }))
  })
}

/** A copy of a checkpoint in another layout of files has no numbers of its own: those of its family hold. */
const openTheirs = async (root: string, folder: string): Promise<Theirs | undefined> => {
  const own = join(root, 'models', folder)
  const family = readJson<Json>(own, 'golden.json')?.family
  if (family === undefined) return undefined
  const numbers = existsSync(join(own, 'golden.safetensors')) ? own : join(root, 'models', family)
  const golden = await openGolden<Json>(join(numbers, 'golden'))
  return golden && { golden, packed: await openArrays(join(own, 'packed')) }
}

const compute = async (folder: string, config: string, { golden, packed }: Theirs): Promise<Ours> => {
  await using runtime = await nodeRuntime({ threads: 1 })
  const loaded = await loadModel(folder, { runtime })
  const model = config === 'config.json' ? loaded : await withConfig(loaded, join(folder, config))
  const batches = [batchOf(golden, 'right'), batchOf(golden, 'left')]
  if (packed) batches.push(...packedBatches(packed))
  const [right, left, ...rest] = await forwardPasses(model, batches)
  const loss = await lossAndGradients(model, batches[0]!, golden.get('right.labels'))
  return {
    right: right!.logits,
    left: left!.logits,
    hidden: right!.hidden,
    loss,
    greedy: await greedyTexts(model, golden),
    packed: rest.map(({ logits }) => logits),
  }
}

/** The same weights under another config file. */
const withConfig = async (model: LanguageModel, path: string): Promise<LanguageModel> => {
  const config = parseConfig(JSON.parse(await readFile(path, 'utf8')) as Record<string, never>, path)
  return createModel(config, (name) => constantSource(model.weight(name)), model.runtime)
}

const batchOf = (golden: Arrays, side: 'right' | 'left'): Batch => ({
  ids: golden.get(`${side}.input_ids`),
  mask: golden.get(`${side}.attention_mask`),
  ...(golden.has(`${side}.position_ids`) && { positions: golden.get(`${side}.position_ids`) }),
})

/** The row with its documents as segments; the row as plain text, whose positions are those of transformers: 0, 1, 2, … */
const packedBatches = (packed: Arrays): Batch[] => {
  const [ids, segments] = [packed.get('input_ids'), packed.get('segment_ids')]
  return [
    {
      ids,
      mask: { ...segments, data: segments.data.map((segment) => segment + 1) },
      positions: packed.get('position_ids'),
    },
    { ids, mask: { ...segments, data: segments.data.map(() => 1) } },
  ]
}

const prompts = (golden: Arrays): string[] => golden.names.filter((name) => /^greedy\.\d+\.prompt$/.test(name)).sort()

const idsOf = (prompt: string): string => prompt.replace(/prompt$/, 'ids')

/** All prompts in one batch, so that the padding of a batch is tried too. */
const greedyTexts = async (model: LanguageModel, golden: Arrays): Promise<number[][]> => {
  const generator = createGenerator(model)
  const names = prompts(golden)
  const lengths = names.map((name) => golden.get(idsOf(name)).data.length)
  return generator.generate(
    names.map((name) => [...golden.get(name).data]),
    { maxTokens: Math.max(...lengths), stopIds: [] },
  )
}

const checksOf = ({ golden, packed }: Theirs): Checks => ({
  'right.logits': ({ right }) => logits(right, golden, 'right'),
  'left.logits': ({ left }) => logits(left, golden, 'left'),
  'right.token_logps': ({ right }) => ({
    difference: largest(tokenLogProbs(right, golden), golden.get('right.token_logps')),
    tolerance: tolerances.logits,
  }),
  sequence_logp: ({ right }) => sequenceLogProbs(right, golden),
  loss: ({ loss }) => losses(loss, golden.json),
  grad: ({ loss }) => worstOf(gradientDifferences(within(golden, 'grad.'), loss.gradients), tolerances.gradients),
  grad_global_norm: ({ loss }) => ({
    difference: relative(globalNorm(loss.gradients.values()), golden.json.grad_global_norm),
    tolerance: tolerances.gradientNorm,
  }),
  greedy: ({ greedy }) => sameIds(greedy, golden),
  ...(golden.has('right.hidden.0') && { 'right.hidden': ({ hidden }: Ours) => hiddenStates(hidden, golden) }),
  ...(packed && {
    'packed.logits': ({ packed: [apart] }: Ours) => ({
      difference: largest(apart!, packed.get('logits')),
      tolerance: tolerances.logits,
    }),
    'packed.logits_without_mask': ({ packed: [, joined] }: Ours) => ({
      difference: largest(joined!, packed.get('logits_without_mask')),
      tolerance: tolerances.logits,
    }),
  }),
})

const logits = (ours: Numbers, golden: Arrays, side: 'right' | 'left'): Outcome => ({
  difference: largest(ours, golden.get(`${side}.logits`), golden.get(`${side}.attention_mask`).data),
  tolerance: tolerances.logits,
})

/** log p of token t + 1, [B, T − 1], zero where that token is padding. */
const tokenLogProbs = ({ shape, data }: Numbers, golden: Arrays): Numbers => {
  const [rows, length, vocabulary] = shape as [number, number, number]
  const [ids, mask] = [golden.get('right.input_ids').data, golden.get('right.attention_mask').data]
  const result = new Float32Array(rows * (length - 1))
  for (let row = 0; row < rows; row++)
    for (let t = 0; t + 1 < length; t++) {
      const at = row * length + t
      const scores = data.subarray(at * vocabulary, (at + 1) * vocabulary)
      const top = Math.max(...scores)
      const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0)
      if (mask[at + 1]) result[row * (length - 1) + t] = scores[ids[at + 1]!]! - top - Math.log(total)
    }
  return { shape: [rows, length - 1], data: result }
}

const sequenceLogProbs = (right: Numbers, golden: Golden<Json>): Outcome => {
  const { shape, data } = tokenLogProbs(right, golden)
  const width = shape[1]!
  const labels = golden.get('right.labels').data
  const sums = (counted: (row: number, t: number) => boolean): number[] =>
    Array.from({ length: shape[0]! }, (_, row) =>
      data.subarray(row * width, (row + 1) * width).reduce((sum, p, t) => (counted(row, t) ? sum + p : sum), 0),
    )
  const { sequence_logp_all: all, sequence_logp_labels: labelled } = golden.json
  const each = (name: string, ours: number[], theirs: readonly number[]) =>
    theirs.map((value, i) => [`${name}[${i}]`, Math.abs(ours[i]! - value)] as const)
  return worstOf(
    [
      ...each(
        'all',
        sums(() => true),
        all,
      ),
      ...each(
        'labels',
        sums((row, t) => labels[row * (width + 1) + t + 1] !== -100),
        labelled,
      ),
    ],
    tolerances.logits,
  )
}

const losses = ({ sum, count }: Differentiated, json: Json): Outcome => {
  if (count !== json.label_count) throw new Error(`expected ${json.label_count} labels, got ${count}`)
  const { loss_num_items_7: perSeven } = json
  return worstOf(
    [
      ['loss_mean', relative(sum / count, json.loss_mean)],
      ['loss_sum', relative(sum, json.loss_sum)],
      ...(perSeven === undefined ? [] : [['loss_num_items_7', relative(sum / 7, perSeven)] as const]),
    ],
    tolerances.loss,
  )
}

const hiddenStates = (ours: readonly Numbers[], golden: Arrays): Outcome => {
  const mask = golden.get('right.attention_mask').data
  const theirs = within(golden, 'right.hidden.')
  if (theirs.size !== ours.length) throw new Error(`expected ${theirs.size} hidden states, got ${ours.length}`)
  return worstOf(
    [...theirs].map(([index, state]) => [`hidden.${index}`, largest(ours[Number(index)]!, state, mask)]),
    tolerances.logits,
  )
}

/** Number of ids that differ. */
const sameIds = (ours: readonly (readonly number[])[], golden: Arrays): Outcome => {
  const differing = prompts(golden).map((name, i) => {
    const theirs = golden.get(idsOf(name)).data
    return [name, theirs.reduce((wrong, id, t) => wrong + Number(ours[i]![t] !== id), 0)] as const
  })
  return worstOf(differing, 0)
}
