import {
  type Compiled,
  compile,
  f32,
  gather,
  i32,
  logSoftmax,
  reshape,
  squeeze,
  type Tensor,
  takeAlongAxis,
  unsqueeze,
} from '@qilin-med/tensor'
import type { CachedBatch, KeyValue } from '../families/context'
import { cachedHiddenStates, outputHead, projectToVocabulary } from '../forward'
import { pastTypes } from '../generate/step'
import { adaptedNetwork, type LanguageModel, type NetworkAdapter } from '../model'

interface ScoreInput extends CachedBatch {
  /** Rows and columns, counted through the batch, of the tokens that labels are predicted from [N]. */
  readonly sources: Tensor
  /** Labels [N]. */
  readonly targets: Tensor
}

/** The programs of a scorer; each is compiled at its first call. */
export interface ScorePrograms {
  /** Log-probabilities [N] of labels in rows that follow one shared beginning. */
  readonly score: Compiled<[ScoreInput, Tensor], Tensor>
  /** Keys and values of one row that is a beginning, or goes on with one. */
  readonly read: Compiled<[CachedBatch, Tensor], readonly KeyValue[]>
  dispose(): Promise<void>
}

/** Programs that score with `model`, with an adapter whose flat parameters are their second argument. */
export const scorePrograms = (model: LanguageModel, adapter: NetworkAdapter | undefined): ScorePrograms => {
  const { config, runtime } = model
  const parameters = f32(adapter?.layout.size ?? 1)
  const [rows, row, labels, past] = [i32('B', 'T'), i32(1, 'T'), i32('N'), pastTypes(config, 1)]
  const score = compile(
    (batch: ScoreInput, values: Tensor): Tensor => {
      const net = adaptedNetwork(model, adapter, values)
      const { hidden } = cachedHiddenStates(config, net, batch)
      const labelled = gather(reshape(hidden, [-1, config.hiddenSize]), batch.sources) // [N, D]
      const logProbs = logSoftmax(projectToVocabulary(outputHead(config, net), labelled))
      return squeeze(takeAlongAxis(logProbs, unsqueeze(batch.targets, 1)), 1)
    },
    {
      runtime,
      inputs: [
        { ids: rows, positions: rows, segments: rows, parents: rows, sources: labels, targets: labels, ...past },
        parameters,
      ],
      name: 'score',
    },
  )
  const read = compile(
    (batch: CachedBatch, values: Tensor) =>
      cachedHiddenStates(config, adaptedNetwork(model, adapter, values), batch).caches,
    { runtime, inputs: [{ ids: row, positions: row, ...past }, parameters], name: 'read' },
  )
  return {
    score,
    read,
    dispose: async () => {
      await score.dispose()
      await read.dispose()
    },
  }
}
