import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lora } from '@qilin-med/lora'
import { dpo, sft } from '@qilin-med/losses'
import { type LoadedModel, loadModel, parametersOf, parseConfig, writeCheckpoint } from '@qilin-med/models'
import { fillNormal, foldIn, randomKey, threefry } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { adamw, type Loss, linear, type TrainEvent, type TrainingRow, train } from '@qilin-med/train'
import type { BenchCase, BenchOptions, Suite } from '../suite'

/** The whole training loop against TRL's trainers: LoRA on a 74M Llama shape, rows of uneven length, 4 a step. */
export const suite: Suite = { name: 'train', cases }

const vocabulary = 6400
const shape = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: vocabulary,
  hidden_size: 896,
  intermediate_size: 4864,
  num_hidden_layers: 4,
  num_attention_heads: 14,
  num_key_value_heads: 2,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  hidden_act: 'silu',
  tie_word_embeddings: false,
  torch_dtype: 'float32',
}
/** Optimiser steps of one round. */
const stepsPerRound = 2

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const folder = await mkdtemp(join(tmpdir(), 'qilin-bench-train-'))
  options.own({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) })
  const [tokenRows, pairs] = [answers(64), comparisons(64)]
  await writeFile(join(folder, 'rows.json'), JSON.stringify({ shape, sft: tokenRows, dpo: pairs }))
  const peer = await options.startPeer('train', [join(folder, 'rows.json')])
  const model = await randomModel(join(folder, 'model'), options)
  const against = (name: string, loss: Loss, rows: TrainingRow[], dtype: 'fp32' | 'bf16'): BenchCase => ({
    name: `${name}-loop fp32 74m vs trl-${dtype}`,
    unit: 'tokens/s',
    higherIsBetter: true,
    peerName: `TRL ${dtype}`,
    ours: roundsOf(model, loss, rows, options),
    ...(peer && {
      peer: () => peer.measure(name, { dtype, steps: stepsPerRound }),
      versions: peer.versions,
    }),
  })
  return [
    against('sft', sft(), tokenRows, 'fp32'),
    against('sft', sft(), tokenRows, 'bf16'),
    against('dpo', dpo(), pairs, 'bf16'),
  ]
}

/** A model of random weights, in a file that the runtime maps. */
async function randomModel(folder: string, { own }: BenchOptions): Promise<LoadedModel> {
  const tensors = parametersOf(parseConfig(shape, 'config.json')).map((parameter, i) => ({
    ...parameter,
    dtype: 'float32' as const,
    data: () => weights(parameter.shape, i),
  }))
  await writeCheckpoint(folder, { config: shape, tensors })
  return loadModel(folder, { runtime: own(await nodeRuntime()) })
}

function weights(dims: readonly number[], index: number): Float32Array {
  const data = new Float32Array(dims.reduce((product, length) => product * length, 1))
  return dims.length === 1 ? data.fill(1) : fillNormal(foldIn(randomKey(1), index), data, 0.02)
}

/** Tokens per second of the next steps of one run that goes on from round to round, so that compiling is not measured. */
function roundsOf(model: LoadedModel, loss: Loss, data: TrainingRow[], { own }: BenchOptions): () => Promise<number> {
  let events: AsyncIterator<TrainEvent> | undefined
  const start = (): AsyncIterator<TrainEvent> => {
    const run = train({
      model,
      adapter: lora({ rank: 8, alpha: 32, targetModules: 'all-linear' }),
      loss,
      data,
      optimizer: adamw({ learningRate: linear({ peak: 2e-5 }) }),
      batch: { rows: 4 },
      steps: 10_000,
    })
    const iterator = run[Symbol.asyncIterator]()
    own({ [Symbol.asyncDispose]: async () => void (await iterator.return?.()) })
    return iterator
  }
  return async () => {
    events ??= start()
    let [steps, tokens, seconds] = [0, 0, 0]
    while (steps < stepsPerRound) {
      const { value } = (await events.next()) as { value: TrainEvent }
      if (value.type !== 'step-end') continue
      steps += 1
      tokens += value.tokens
      seconds += value.tokens / value.tokensPerSecond
    }
    return tokens / seconds
  }
}

/** Whole numbers from `low` to `high`, drawn from a counter. */
const draws = (stream: number) => {
  const key = foldIn(randomKey(7), stream)
  let counter = 0
  return (low: number, high: number): number => low + (threefry(key, counter++, 0)[0] % (high - low + 1))
}

/** Questions of 60 to 160 tokens with labelled answers of 40 to 300: lengths as of exam questions with explanations. */
function answers(count: number): { inputIds: number[]; labels: number[] }[] {
  const draw = draws(1)
  return Array.from({ length: count }, () => {
    const prompt = draw(60, 160)
    const inputIds = Array.from({ length: prompt + draw(40, 300) }, () => draw(3, vocabulary - 1))
    return { inputIds, labels: inputIds.map((id, t) => (t < prompt ? -100 : id)) }
  })
}

/** Prompts of 20 to 80 tokens with two completions of 60 to 250. */
function comparisons(count: number): { promptIds: number[]; chosenIds: number[]; rejectedIds: number[] }[] {
  const draw = draws(2)
  const ids = (low: number, high: number) => Array.from({ length: draw(low, high) }, () => draw(3, vocabulary - 1))
  return Array.from({ length: count }, () => ({
    promptIds: ids(20, 80),
    chosenIds: ids(60, 250),
    rejectedIds: ids(60, 250),
  }))
}
