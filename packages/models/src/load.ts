import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Runtime } from '@qilin-med/tensor'
import { storedWeights, type WeightFormat } from './checkpoint/format'
import { type Checkpoint, openCheckpoint } from './checkpoint/open'
import { createModel, type LanguageModel } from './model'
import { type TextModel, textModel } from './text/text-model'
import { loadTokenizer } from './tokenizer/load'
import type { Tokenizer } from './tokenizer/types'

/** Options of `loadModel`. */
export interface LoadModelOptions {
  readonly runtime: Runtime
  /** How matrices are kept; default `float32`. */
  readonly weights?: WeightFormat
  /**
   * Where weights that the checkpoint has in another format are kept, so that programs map them instead of holding a copy
   * each (default: a folder in the system's temporary one).
   */
  readonly cacheFolder?: string
  /** The tokenizer of `stream`, `generate` and `score`; the folder's own, loaded at their first call, unless given. */
  readonly tokenizer?: Tokenizer
}

/** A model whose weights lie in a checkpoint, and which can be spoken to in text. `await using` it, or `dispose` it. */
export interface LoadedModel extends LanguageModel, TextModel {
  readonly checkpoint: Checkpoint
}

/**
 * The model of a Hugging Face folder. Weights stay in a file that programs map: the checkpoint's own where it has the
 * wanted format, else one that is written once. `model.checkpoint.read(name)` gives the original values whatever the
 * format: what an adapter is merged into.
 *
 * @throws ModelsError, SafetensorsError naming the file, key or tensor that cannot be used
 */
export const loadModel = async (
  folder: string,
  { runtime, weights = 'float32', cacheFolder = join(tmpdir(), 'qilin-med-weights'), tokenizer }: LoadModelOptions,
): Promise<LoadedModel> => {
  const root = resolve(folder) // the tokenizer is read later
  const checkpoint = await openCheckpoint(root)
  const unread = createModel(checkpoint.config, checkpoint.source, runtime)
  for (const { name } of unread.parameters) unread.weight(name) // names and shapes are checked before anything is written
  const { source, table } = await storedWeights(checkpoint, weights, cacheFolder)
  const model = createModel(checkpoint.config, source, runtime, { table })
  let loading: Promise<Tokenizer> | undefined
  const tokenizerOf = (): Promise<Tokenizer> => {
    loading ??= tokenizer ? Promise.resolve(tokenizer) : loadTokenizer(root)
    return loading
  }
  return { ...model, ...textModel(model, tokenizerOf), checkpoint }
}
