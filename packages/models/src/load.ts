import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConstantSource, Runtime } from '@qilin-med/tensor'
import { readTensorSync, type SafetensorsFile } from '@qilin-med/tensor/safetensors'
import { float32File } from './checkpoint/float32-file'
import { type Checkpoint, openCheckpoint } from './checkpoint/open'
import { createModel, type LanguageModel } from './model'
import { type TextModel, textModel } from './text/text-model'
import { loadTokenizer } from './tokenizer/load'
import type { Tokenizer } from './tokenizer/types'

/** Options of `loadModel`. */
export interface LoadModelOptions {
  readonly runtime: Runtime
  /**
   * Where float32 copies of 16-bit checkpoints are kept, so that programs map them instead of holding one each
   * (default: a folder in the system's temporary one).
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
 * The model of a Hugging Face folder. Weights stay in their file, which programs map; 16-bit weights are widened once
 * into a file of their own.
 *
 * @throws ModelsError, SafetensorsError naming the file, key or tensor that cannot be used
 */
export const loadModel = async (
  folder: string,
  { runtime, cacheFolder = join(tmpdir(), 'qilin-med-weights'), tokenizer }: LoadModelOptions,
): Promise<LoadedModel> => {
  const checkpoint = await openCheckpoint(folder)
  const wide = checkpoint.names.every((name) => checkpoint.locate(name)!.entry.dtype === 'float32')
  const widened = wide ? undefined : await float32File(checkpoint, cacheFolder)
  const weights = widened ? (name: string) => sourceIn(widened, name) : checkpoint.source
  const model = createModel(checkpoint.config, weights, runtime)
  for (const { name } of model.parameters) model.weight(name) // names and shapes are checked before anything runs
  let loading: Promise<Tokenizer> | undefined
  const tokenizerOf = (): Promise<Tokenizer> => {
    loading ??= tokenizer ? Promise.resolve(tokenizer) : loadTokenizer(folder)
    return loading
  }
  return { ...model, ...textModel(model, tokenizerOf), checkpoint }
}

const sourceIn = (file: SafetensorsFile, name: string): ConstantSource | undefined => {
  const entry = file.tensors.get(name)
  if (!entry) return undefined
  const location = { path: file.path, offset: file.dataOffset + entry.begin, byteLength: entry.end - entry.begin }
  return { dtype: 'float32', shape: entry.shape, location, read: () => readTensorSync(file, name).data as Float32Array }
}
