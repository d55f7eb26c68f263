import { createReadStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { constantSource } from '@qilin-med/tensor'
import { saveModel, writeWholeFile } from '@qilin-med/tensor/node'
import { isSystemError, tokenizerPaths, writeFailed } from '../checkpoint/folder'
import type { CheckpointContents } from '../checkpoint/write'
import { ModelsError } from '../errors'
import { isJsonObject, type JsonObject, readJsonObjectIfThere } from '../json-file'
import type { LanguageModel, NetworkAdapter } from '../model'
import { decoderGraph } from './decoder-graph'

/** Options of `exportOnnx`. */
export interface ExportOptions extends Pick<CheckpointContents, 'tokenizerFolder' | 'files'> {
  /** An adapter whose change goes into the model, as two more products in each of its layers. */
  readonly adapter?: NetworkAdapter
  /** `generation_config.json`; without it the token ids that the model's config names. */
  readonly generationConfig?: JsonObject
}

/** What `exportOnnx` wrote. */
export interface ExportedModel {
  /** Transformers.js' name of the weights' format: `pipeline('text-generation', folder, { dtype })`. */
  readonly dtype: OnnxDtype
  /** The model's file, relative to the folder. */
  readonly model: string
  /** Bytes of the model and its data file. */
  readonly bytes: number
}

/** Formats of weights by the names that Transformers.js has for them. */
export type OnnxDtype = 'fp32' | 'fp16' | 'q8' | 'q4' | 'bnb4'

const formats: Readonly<Record<string, { readonly dtype: OnnxDtype; readonly file: string }>> = {
  float32: { dtype: 'fp32', file: 'model.onnx' },
  float16: { dtype: 'fp16', file: 'model_fp16.onnx' },
  int8: { dtype: 'q8', file: 'model_quantized.onnx' },
  int4: { dtype: 'q4', file: 'model_q4.onnx' },
  nf4: { dtype: 'bnb4', file: 'model_bnb4.onnx' },
}

/**
 * Writes a model as a folder that Transformers.js and Optimum load: `onnx/model….onnx` with its weights beside it, config and tokenizer.
 * Weights keep the format that the model was loaded with. A folder may hold the same model in several formats; the last one
 * exported is the one that is loaded unless a `dtype` is asked for. Constants are read one by one, so the model may be larger than memory.
 * Every file appears under its name only when it is complete, the config last.
 *
 * @throws ModelsError `unsupported-feature` for weights in bfloat16, `write-failed` with the system's error as cause;
 * TensorError `file` when the model cannot be written
 */
export const exportOnnx = async (
  folder: string,
  model: LanguageModel,
  { adapter, generationConfig = generationOf(model), tokenizerFolder, files = [] }: ExportOptions = {},
): Promise<ExportedModel> => {
  const { dtype, file } = formatOf(model)
  const graph = decoderGraph(model, adapter)
  try {
    await mkdir(join(folder, 'onnx'), { recursive: true })
    const bytes = await saveModel(join(folder, 'onnx', file), graph)
    for (const path of [...files, ...(tokenizerFolder === undefined ? [] : await tokenizerPaths(tokenizerFolder))])
      await copyInto(folder, path)
    await writeJson(join(folder, 'generation_config.json'), generationConfig)
    await writeJson(join(folder, 'config.json'), await configOf(folder, model, dtype, file))
    return { dtype, model: `onnx/${file}`, bytes }
  } catch (cause) {
    throw isSystemError(cause) ? writeFailed('exportOnnx', folder, cause) : cause
  }
}

/** Transformers.js looks for this file in every folder. */
const generationOf = ({ config: { raw } }: LanguageModel): JsonObject =>
  Object.fromEntries(
    ['bos_token_id', 'eos_token_id', 'pad_token_id'].flatMap((key) =>
      raw[key] === undefined ? [] : [[key, raw[key]]],
    ),
  )

/** The format of the first layer's matrix stands for all. */
const formatOf = (model: LanguageModel): (typeof formats)[string] => {
  const layer = model.modules.find(({ kind }) => kind !== 'embedding')!
  const source = constantSource(model.weight(`${layer.path}.weight`))!
  const name = source.quantized?.weight.scheme ?? source.dtype
  const format = formats[name]
  if (format) return format
  throw new ModelsError(
    'unsupported-feature',
    `exportOnnx: weights must be ${Object.keys(formats).join(', ')}, got ${name}, for which Transformers.js has no name. Load the model with weights: 'float16'.`,
  )
}

/** The model's config, which tells Transformers.js about data files and formats. */
const configOf = async (
  folder: string,
  { config: { raw } }: LanguageModel,
  dtype: OnnxDtype,
  file: string,
): Promise<JsonObject> => {
  const before = (await readJsonObjectIfThere(join(folder, 'config.json')))?.[settings]
  const known = isJsonObject(before) ? before : {}
  const external = isJsonObject(known[dataFiles]) ? known[dataFiles] : {}
  const files = (await stat(join(folder, 'onnx', `${file}_data`)).catch(() => undefined)) ? 1 : 0
  return { ...raw, [settings]: { ...known, dtype, [dataFiles]: { ...external, [file]: files } } }
}

const settings = 'transformers.js_config'
const dataFiles = 'use_external_data_format'

const copyInto = (folder: string, path: string): Promise<void> =>
  writeWholeFile(join(folder, basename(path)), async (append) => {
    for await (const bytes of createReadStream(path)) await append(bytes)
  })

const writeJson = (path: string, value: unknown): Promise<void> =>
  writeWholeFile(path, (append) => append(Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`)))
