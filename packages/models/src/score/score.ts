import {
  type Compiled,
  compile,
  f32,
  gather,
  i32,
  logSoftmax,
  type NdArray,
  reshape,
  squeeze,
  type Tensor,
  takeAlongAxis,
  unflatten,
  unsqueeze,
} from '@qilin-med/tensor'
import { hiddenStates, outputHead, projectToVocabulary } from '../forward'
import type { LanguageModel, NetworkAdapter } from '../model'
import { type ScoreRequest, scoreBatches } from './rows'

export type { ScoreRequest } from './rows'

/** Log-likelihood of one continuation. */
export interface Score {
  /** Σ log p of its tokens, natural log. */
  readonly logProb: number
  readonly tokens: number
}

/** Scores continuations; one object for one adapter (or none). */
export interface Scorer {
  /**
   * Log-likelihood of every continuation of every prompt. A prompt is computed once for all its continuations.
   *
   * @returns one list per request, in order
   */
  score(requests: readonly ScoreRequest[], options?: ScoreOptions): Promise<Score[][]>
  dispose(): Promise<void>
}

/** Limits of one program call. */
export interface ScoreOptions {
  /** Most tokens of a batch, padding included. */
  readonly batchTokens?: number
  readonly signal?: AbortSignal
}

interface ScoreInput {
  readonly ids: Tensor
  readonly positions: Tensor
  readonly segments: Tensor
  readonly parents: Tensor
  readonly sources: Tensor
  readonly targets: Tensor
}

type ScoreProgram = Compiled<[ScoreInput, Tensor], Tensor>

const scoreProgram = (model: LanguageModel, adapter: NetworkAdapter | undefined): ScoreProgram => {
  const { config, runtime } = model
  const rows = i32('B', 'T')
  const input = { ids: rows, positions: rows, segments: rows, parents: rows, sources: i32('N'), targets: i32('N') }
  const program = (batch: ScoreInput, parameters: Tensor): Tensor => {
    const base = model.network()
    const net = adapter ? adapter.apply(base, unflatten(parameters, adapter.layout)) : base
    const hidden = hiddenStates(config, net, batch)
    const labelled = gather(reshape(hidden, [-1, config.hiddenSize]), batch.sources) // [N, D]
    const logProbs = logSoftmax(projectToVocabulary(outputHead(config, net), labelled))
    return squeeze(takeAlongAxis(logProbs, unsqueeze(batch.targets, 1)), 1)
  }
  return compile(program, { runtime, inputs: [input, f32(adapter?.layout.size ?? 1)], name: 'score' })
}

/** A scorer over `model` with `adapter`, whose values are read at every call. */
export const createScorer = (model: LanguageModel, adapter?: NetworkAdapter): Scorer => {
  const program = scoreProgram(model, adapter)
  return {
    score: async (requests, { batchTokens = 4096, signal } = {}) => {
      const values = adapter?.values ?? new Float32Array(1)
      const parameters: NdArray = { dtype: 'float32', shape: [values.length], data: values }
      const results: Score[][] = requests.map(({ continuations }) =>
        continuations.map(() => ({ logProb: 0, tokens: 0 })),
      )
      for (const batch of scoreBatches(requests, batchTokens)) {
        signal?.throwIfAborted()
        const logProbs = (await program(batch.arrays as never, parameters)) as unknown as NdArray
        batch.owners.forEach(([request, continuation], i) => {
          const { logProb, tokens } = results[request]![continuation]!
          results[request]![continuation] = { logProb: logProb + Number(logProbs.data[i]), tokens: tokens + 1 }
        })
      }
      return results
    },
    dispose: () => program.dispose(),
  }
}
