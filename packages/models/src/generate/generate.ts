import { foldIn, type NdArray, type RandomKey, randomKey } from '@qilin-med/tensor'
import { ModelsError } from '../errors'
import type { LanguageModel, NetworkAdapter } from '../model'
import { greedy, penalize, type SamplingOptions, sample } from './sample'
import { emptyCaches, type GenerationStep, generationStep } from './step'

/** Options of one generation. */
export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to add. */
  readonly maxTokens?: number
  /** Ids that end a text (default: the model's); the ending id is not returned. */
  readonly stopIds?: readonly number[]
  /** Seed of the draws when `temperature` is above 0. */
  readonly seed?: number
  readonly signal?: AbortSignal
}

/** Generates token ids; one object for one adapter (or none), with one program for every batch size and length. */
export interface Generator {
  /** Continuations of several prompts at once, in the order of the prompts. */
  generate(prompts: readonly (readonly number[])[], options?: GenerateOptions): Promise<number[][]>
  /** One continuation, token by token. */
  stream(prompt: readonly number[], options?: GenerateOptions): AsyncGenerator<number>
  dispose(): Promise<void>
}

/** A generator over `model` with `adapter`, whose values are read at every call. */
export const createGenerator = (model: LanguageModel, adapter?: NetworkAdapter): Generator => {
  const step = generationStep(model, adapter)
  return {
    generate: (prompts, options = {}) => generateBatch(model, step, adapter, prompts, options),
    stream: (prompt, options = {}) => streamOne(model, step, adapter, prompt, options),
    dispose: () => step.dispose(),
  }
}

const parametersOf = (adapter: NetworkAdapter | undefined): NdArray => {
  const data = adapter?.values ?? new Float32Array(1)
  return { dtype: 'float32', shape: [data.length], data }
}

/** Left-padded rows: the last column is the last token of every prompt. */
interface Rows {
  readonly length: number
  readonly padding: readonly number[]
}

const ints = (rows: number, length: number, valueAt: (row: number, column: number) => number): NdArray => {
  const data = new Int32Array(rows * length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < length; column++) data[row * length + column] = valueAt(row, column)
  return { dtype: 'int32', shape: [rows, length], data }
}

const position = ({ padding }: Rows, row: number, column: number): number => Math.max(0, column - padding[row]!)

/** Runs the step on columns `begin` to `end` of the rows. */
const advance = async (
  step: GenerationStep,
  parameters: NdArray,
  rows: Rows,
  ids: NdArray,
  begin: number,
  past: { key: NdArray; value: NdArray }[],
) => {
  const [count, width] = ids.shape as [number, number]
  const end = begin + width
  const input = {
    ids,
    positions: ints(count, width, (row, column) => position(rows, row, begin + column)),
    keyPositions: ints(count, end, (row, column) => position(rows, row, column)),
    keyValid: ints(count, end, (row, column) => Number(column >= rows.padding[row]!)),
    past,
  }
  return (await step(input as never, parameters)) as unknown as {
    logits: NdArray
    best: NdArray
    caches: { key: NdArray; value: NdArray }[]
  }
}

const start = (model: LanguageModel, prompts: readonly (readonly number[])[]) => {
  if (prompts.some((prompt) => prompt.length === 0))
    throw new ModelsError(
      'bad-prompt',
      `generate: expected prompts of at least one token, got an empty one. Begin with a BOS token.`,
    )
  const length = Math.max(...prompts.map((prompt) => prompt.length))
  const rows: Rows = { length, padding: prompts.map((prompt) => length - prompt.length) }
  const ids = ints(prompts.length, length, (row, column) => prompts[row]![column - rows.padding[row]!] ?? 0)
  return { rows, ids, past: emptyCaches(model, prompts.length) }
}

const chooser = ({ temperature = 0, repetitionPenalty = 1, seed = 0, ...rest }: GenerateOptions) => {
  const key: RandomKey = randomKey(seed)
  return (logits: Float32Array, row: number, count: number, seen: ReadonlySet<number>): number => {
    if (temperature === 0 && repetitionPenalty === 1) return greedy(logits)
    const scores = logits.slice()
    if (repetitionPenalty !== 1) penalize(scores, seen, repetitionPenalty)
    return temperature === 0 ? greedy(scores) : sample(scores, { temperature, ...rest }, foldIn(key, row), count)
  }
}

const generateBatch = async (
  model: LanguageModel,
  step: GenerationStep,
  adapter: NetworkAdapter | undefined,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): Promise<number[][]> => {
  const { maxTokens = 64, stopIds = model.config.eosIds, signal } = options
  if (prompts.length === 0) return []
  const { rows, ids, past } = start(model, prompts)
  const parameters = parametersOf(adapter)
  const choose = chooser(options)
  const stops = new Set(stopIds)
  const texts: number[][] = prompts.map(() => [])
  const seen = prompts.map((prompt) => new Set(prompt))
  const done = prompts.map(() => false)
  let state = await advance(step, parameters, rows, ids, 0, past)
  for (let count = 0; count < maxTokens; count++) {
    signal?.throwIfAborted()
    const width = state.logits.shape[1]!
    const next = prompts.map((_, row) => {
      if (done[row]) return 0
      const logits = (state.logits.data as Float32Array).subarray(row * width, (row + 1) * width)
      return choose(logits, row, count, seen[row]!)
    })
    next.forEach((id, row) => {
      if (done[row]) return
      if (stops.has(id)) done[row] = true
      else {
        texts[row]!.push(id)
        seen[row]!.add(id)
      }
    })
    if (done.every(Boolean) || count + 1 === maxTokens) break
    const column = ints(prompts.length, 1, (row) => next[row]!)
    state = await advance(step, parameters, rows, column, rows.length + count, state.caches)
  }
  return texts
}

async function* streamOne(
  model: LanguageModel,
  step: GenerationStep,
  adapter: NetworkAdapter | undefined,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number> {
  const { maxTokens = 64, stopIds = model.config.eosIds, signal } = options
  const { rows, ids, past } = start(model, [prompt])
  const parameters = parametersOf(adapter)
  const choose = chooser(options)
  const seen = new Set(prompt)
  let state = await advance(step, parameters, rows, ids, 0, past)
  for (let count = 0; count < maxTokens; count++) {
    signal?.throwIfAborted()
    const id = choose(state.logits.data as Float32Array, 0, count, seen)
    if (stopIds.includes(id)) return
    yield id
    seen.add(id)
    if (count + 1 < maxTokens)
      state = await advance(
        step,
        parameters,
        rows,
        ints(1, 1, () => id),
        rows.length + count,
        state.caches,
      )
  }
}
