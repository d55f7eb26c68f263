import { foldIn, type NdArray, type RandomKey, randomKey } from '@qilin-med/tensor'
import {
  appendToCache,
  cacheArrays,
  emptyCache,
  type KeyValueArrays,
  type KeyValueCache,
  keepRows,
} from '../cache/key-values'
import { ModelsError } from '../errors'
import type { LanguageModel, NetworkAdapter } from '../model'
import { type BatchLimits, generationBatches } from './batches'
import { greedy, penalize, type SamplingOptions, sample } from './sample'
import { type GenerationStep, generationStep } from './step'

/** Options of one generation. */
export interface GenerateOptions extends SamplingOptions, BatchLimits {
  /** Most tokens to add. */
  readonly maxTokens?: number
  /** Ids that end a text (default: the model's); the ending id is not returned. */
  readonly stopIds?: readonly number[]
  /** Seed of the draws when `temperature` is above 0. */
  readonly seed?: number
  /** Asked after each token: true ends the text of row `row`, that token included. */
  readonly ended?: (ids: readonly number[], row: number) => boolean
  readonly signal?: AbortSignal
}

/** Tokens that went through a model while it generated. */
export interface GenerateWork {
  /** Tokens of prompts that were continued, padding included. */
  read: number
  /** Tokens written. */
  written: number
}

/** Generates token ids; one object for one adapter (or none), with one program for every batch size and length. */
export interface Generator {
  /** Continuations of any number of prompts, in their order; computed in batches. */
  generate(prompts: readonly (readonly number[])[], options?: GenerateOptions): Promise<number[][]>
  /** One continuation, token by token. */
  stream(prompt: readonly number[], options?: GenerateOptions): AsyncGenerator<number>
  dispose(): Promise<void>
}

/** A generator over `model` with `adapter`, whose values are read at every call. */
export const createGenerator = (model: LanguageModel, adapter?: NetworkAdapter): Generator => {
  const step = generationStep(model, adapter)
  return { ...generatorOver(model, step, adapter), dispose: () => step.dispose() }
}

/**
 * A generator on a program that exists; the program must have been made with an adapter of the same structure.
 *
 * @param work counts what it does
 */
export const generatorOver = (
  model: LanguageModel,
  step: GenerationStep,
  adapter: NetworkAdapter | undefined,
  work: GenerateWork = { read: 0, written: 0 },
): Omit<Generator, 'dispose'> => ({
  async generate(prompts, options = {}) {
    requireTokens(prompts)
    const texts: number[][] = prompts.map(() => [])
    for (const rows of generationBatches(prompts, options)) {
      const batch = rows.map((row) => ({ row, prompt: prompts[row]! }))
      for await (const tokens of generated(model, step, adapter, batch, options, work))
        for (const { row, id } of tokens) texts[row]!.push(id)
    }
    return texts
  },
  async *stream(prompt, options = {}) {
    requireTokens([prompt])
    for await (const [token] of generated(model, step, adapter, [{ row: 0, prompt }], options, work)) yield token!.id
  },
})

/** An adapter's values as the second argument of a program; one unused number without an adapter. */
export const adapterValues = (adapter: NetworkAdapter | undefined): NdArray => {
  const data = adapter?.values ?? new Float32Array(1)
  return { dtype: 'float32', shape: [data.length], data }
}

/** One prompt of a batch. */
interface BatchRow {
  /** Number of the prompt, which its draws depend on. */
  readonly row: number
  readonly prompt: readonly number[]
}

interface GeneratedToken {
  /** Number of the prompt. */
  readonly row: number
  readonly id: number
}

/** The tokens of every step of one batch, one for each prompt whose text goes on. */
async function* generated(
  model: LanguageModel,
  step: GenerationStep,
  adapter: NetworkAdapter | undefined,
  batch: readonly BatchRow[],
  options: GenerateOptions,
  work: GenerateWork,
): AsyncGenerator<readonly GeneratedToken[]> {
  const { maxTokens = 64, stopIds = model.config.eosIds, ended = () => false, signal } = options
  if (maxTokens < 1) return
  const parameters = adapterValues(adapter)
  const program = isGreedy(options) ? step.greedy : step.sampled
  const choose = chooser(options)
  const cache = emptyCache(model.config, batch.length)
  let open = batch.map(({ row, prompt }) => ({ row, text: [] as number[], next: prompt.length, seen: new Set(prompt) }))
  const prompts = paddedPrompts(batch.map(({ prompt }) => prompt))
  work.read += prompts.ids.data.length
  let state = await advance(program, parameters, cache, prompts)
  for (let count = 0; count < maxTokens; count++) {
    signal?.throwIfAborted()
    const chosen = open.map(({ row, seen }, i) => choose(state, i, row, count, seen))
    const going = open.flatMap((_, i) => (stopIds.includes(chosen[i]!) ? [] : [i]))
    for (const i of going) open[i]!.text.push(chosen[i]!)
    work.written += going.length
    if (going.length > 0) yield going.map((i) => ({ row: open[i]!.row, id: chosen[i]! }))
    const kept = going.filter((i) => !ended(open[i]!.text, open[i]!.row))
    if (kept.length === 0 || count + 1 === maxTokens) return
    if (kept.length < open.length) keepRows(cache, kept)
    open = kept.map((i) => open[i]!)
    const ids = kept.map((i) => chosen[i]!)
    open.forEach(({ seen }, i) => void seen.add(ids[i]!))
    const positions = open.map((row) => row.next++)
    state = await advance(program, parameters, cache, oneColumn(ids, positions))
  }
}

/** New tokens of each row, [B, T] each; segment 0 is padding. */
interface NewTokens {
  readonly ids: NdArray
  readonly positions: NdArray
  readonly segments: NdArray
}

const matrix = (rows: number, columns: number, data: Int32Array): NdArray => ({
  dtype: 'int32',
  shape: [rows, columns],
  data,
})

const oneColumn = (ids: readonly number[], positions: readonly number[]): NewTokens => ({
  ids: matrix(ids.length, 1, Int32Array.from(ids)),
  positions: matrix(ids.length, 1, Int32Array.from(positions)),
  segments: matrix(ids.length, 1, new Int32Array(ids.length).fill(1)),
})

/** @throws ModelsError `bad-prompt` before anything is computed */
const requireTokens = (prompts: readonly (readonly number[])[]): void => {
  if (prompts.some((prompt) => prompt.length === 0))
    throw new ModelsError(
      'bad-prompt',
      `generate: expected prompts of at least one token, got an empty one. Begin with a BOS token.`,
    )
}

/** Left-padded rows: the last column is the last token of every prompt. */
const paddedPrompts = (prompts: readonly (readonly number[])[]): NewTokens => {
  const length = Math.max(...prompts.map((prompt) => prompt.length))
  const [ids, positions, segments] = [0, 1, 2].map(() => new Int32Array(prompts.length * length))
  prompts.forEach((prompt, row) => {
    const begin = (row + 1) * length - prompt.length
    prompt.forEach((id, i) => {
      ids![begin + i] = id
      positions![begin + i] = i
      segments![begin + i] = 1
    })
  })
  const [a, b, c] = [ids!, positions!, segments!].map((data) => matrix(prompts.length, length, data))
  return { ids: a!, positions: b!, segments: c! }
}

interface StepState {
  readonly best?: NdArray
  readonly logits?: NdArray
}

/** Reads new tokens, writes their keys and values into the cache, and returns what may follow. */
const advance = async (
  step: GenerationStep['greedy' | 'sampled'],
  parameters: NdArray,
  cache: KeyValueCache,
  tokens: NewTokens,
): Promise<StepState> => {
  const input = { ...tokens, ...cacheArrays(cache) }
  const { caches, ...state } = (await step(input as never, parameters)) as unknown as StepState & {
    readonly caches: readonly KeyValueArrays[]
  }
  appendToCache(cache, caches, tokens.positions.data as Int32Array, tokens.segments.data as Int32Array)
  return state
}

/** Whether the likeliest token is taken as the model gives it. */
const isGreedy = ({ temperature = 0, repetitionPenalty = 1 }: GenerateOptions): boolean =>
  temperature === 0 && repetitionPenalty === 1

const chooser = ({ temperature = 0, repetitionPenalty = 1, seed = 0, ...rest }: GenerateOptions) => {
  const key: RandomKey = randomKey(seed)
  return ({ logits, best }: StepState, at: number, row: number, count: number, seen: ReadonlySet<number>): number => {
    if (best) return Number(best.data[at])
    const width = logits!.shape[1]!
    const scores = (logits!.data as Float32Array).slice(at * width, (at + 1) * width)
    if (repetitionPenalty !== 1) penalize(scores, seen, repetitionPenalty)
    return temperature === 0 ? greedy(scores) : sample(scores, { temperature, ...rest }, foldIn(key, row), count)
  }
}
