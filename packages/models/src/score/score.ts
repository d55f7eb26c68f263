import type { NdArray } from '@qilin-med/tensor'
import { appendToCache, cacheArrays, cacheHead, emptyCache, type KeyValueArrays } from '../cache/key-values'
import { adapterValues } from '../generate/generate'
import type { LanguageModel, NetworkAdapter } from '../model'
import { type ComputedBy, type Prefix, type PrefixStore, prefixHead, prefixStore } from './prefixes'
import { type ScorePrograms, scorePrograms } from './programs'
import { type ScoreRequest, scoreBatches } from './rows'
import { type SharedBeginning, sharedBeginnings, worthwhile } from './share'

export type { ScoreRequest } from './rows'

/** Log-likelihood of one continuation. */
export interface Score {
  /** Σ log p of its tokens, natural log. */
  readonly logProb: number
  /** log p of its first token; 0 without any. */
  readonly firstLogProb: number
  readonly tokens: number
}

/** Tokens that went through the model so far. */
export interface ScoreWork {
  /** Tokens computed, padding included. */
  computed: number
  /** Tokens that scoring each continuation alone, its prompt included, would have computed. */
  alone: number
}

/** Scores continuations; one object for one adapter (or none). */
export interface Scorer {
  /**
   * Log-likelihood of every continuation of every prompt. A prompt is computed once for all its continuations, and a beginning
   * that many prompts share, such as the examples before each question, once for all of them. Beginnings are kept for
   * later calls.
   *
   * @returns one list per request, in order
   */
  score(requests: readonly ScoreRequest[], options?: ScoreOptions): Promise<Score[][]>
  readonly work: Readonly<ScoreWork>
  dispose(): Promise<void>
}

/** Limits of one program call. */
export interface ScoreOptions {
  /** Most tokens of a batch, padding included. */
  readonly batchTokens?: number
  readonly signal?: AbortSignal
}

/** Options of a scorer. */
export interface ScorerOptions {
  /** Most memory for keys and values of shared beginnings, in bytes (default 256 MiB). The latest one is always kept. */
  readonly prefixBytes?: number
}

/** A scorer over `model` with `adapter`, whose values are read at every call. */
export const createScorer = (
  model: LanguageModel,
  adapter?: NetworkAdapter,
  { prefixBytes = 2 ** 28 }: ScorerOptions = {},
): Scorer => {
  const programs = scorePrograms(model, adapter)
  const prefixes = prefixStore(prefixBytes)
  return {
    ...scorerOver(model, programs, adapter, { prefixes, work: { computed: 0, alone: 0 } }),
    dispose: async () => {
      prefixes.clear()
      await programs.dispose()
    },
  }
}

/** What a scorer keeps between calls. */
export interface ScorerState {
  readonly prefixes: PrefixStore
  readonly work: ScoreWork
}

/** A scorer on programs that exist; they must have been made with an adapter of the same structure. */
export const scorerOver = (
  model: LanguageModel,
  programs: ScorePrograms,
  adapter: NetworkAdapter | undefined,
  state: ScorerState,
): Omit<Scorer, 'dispose'> => ({
  work: state.work,
  async score(requests, { batchTokens = 4096, signal } = {}) {
    const by = { programs, values: adapter ? checksum(adapter.values) : 0 }
    const parameters = adapterValues(adapter)
    const results: Score[][] = requests.map(({ continuations }) =>
      continuations.map(() => ({ logProb: 0, firstLogProb: 0, tokens: 0 })),
    )
    for (const { prompt, continuations } of requests)
      for (const continuation of continuations) state.work.alone += prompt.length + continuation.length
    for (const group of plan(requests, state.prefixes, by)) {
      signal?.throwIfAborted()
      const ids = requests[group.members[0]!]!.prompt.slice(0, group.length)
      const prefix = await prefixOf(model, programs, { by, parameters }, state, ids, group.members.length)
      const past = cacheArrays(prefix?.cache ?? emptyCache(model.config, 1))
      const options = { batchTokens, members: group.members, shared: prefix?.ids.length ?? 0 }
      for (const batch of scoreBatches(requests, options)) {
        signal?.throwIfAborted()
        state.work.computed += batch.arrays.ids.data.length
        const input = { ...batch.arrays, ...past }
        const logProbs = (await programs.score(input as never, parameters)) as unknown as NdArray
        batch.owners.forEach(([request, continuation], i) => {
          const { logProb, firstLogProb, tokens } = results[request]![continuation]!
          const own = Number(logProbs.data[i])
          results[request]![continuation] = {
            logProb: logProb + own,
            firstLogProb: tokens === 0 ? own : firstLogProb,
            tokens: tokens + 1,
          }
        })
      }
    }
    return results
  },
})

/** An adapter's values as a program takes them, and what tells them and the program from others. */
interface Weights {
  readonly parameters: NdArray
  readonly by: ComputedBy
}

/** Groups of requests; those that share nothing, with each other or with a beginning of an earlier call, are one group. */
const plan = (requests: readonly ScoreRequest[], prefixes: PrefixStore, by: ComputedBy): SharedBeginning[] => {
  const groups = sharedBeginnings(requests.map(({ prompt }) => prompt)).map((group) => {
    if (group.length > 0) return group
    const prompt = requests[group.members[0]!]!.prompt
    const length = prefixes.find(prompt.slice(0, -1), by)?.length ?? 0
    return length >= worthwhile ? { ...group, length } : group
  })
  const rest = groups.filter(({ length }) => length === 0).flatMap(({ members }) => members)
  const sharing = groups.filter(({ length }) => length > 0)
  return rest.length === 0 ? sharing : [...sharing, { length: 0, members: rest }]
}

/** The beginning `ids` of `count` prompts, from earlier calls as far as it is known; undefined for none. */
const prefixOf = async (
  { config }: LanguageModel,
  programs: ScorePrograms,
  { parameters, by }: Weights,
  { prefixes, work }: ScorerState,
  ids: readonly number[],
  count: number,
): Promise<Prefix | undefined> => {
  if (ids.length === 0) return undefined
  const known = prefixes.find(ids, by)
  // A few tokens more in every row cost less than a program call of their own.
  if (known && (ids.length - known.length) * (count - 1) < worthwhile) return prefixHead(known.prefix, known.length)
  const begin = known?.length ?? 0
  const cache = known ? cacheHead(known.prefix.cache, begin) : emptyCache(config, 1)
  const fresh = Int32Array.from(ids.slice(begin))
  const positions = fresh.map((_, i) => begin + i)
  const row = (data: Int32Array): NdArray => ({ dtype: 'int32', shape: [1, data.length], data })
  const input = { ids: row(fresh), positions: row(positions), ...cacheArrays(cache) }
  const read = (await programs.read(input as never, parameters)) as unknown as readonly KeyValueArrays[]
  work.computed += fresh.length
  appendToCache(cache, read, positions, new Int32Array(fresh.length).fill(1))
  const prefix = { by, ids, cache }
  prefixes.add(prefix)
  return prefix
}

/** Tells an adapter's values from others (FNV-1a over their bits, and their number). */
const checksum = (values: Float32Array): number => {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let hash = 0x811c9dc5 ^ bits.length
  for (let i = 0; i < bits.length; i++) hash = Math.imul(hash ^ bits[i]!, 0x01000193)
  return hash >>> 0 || 1
}
