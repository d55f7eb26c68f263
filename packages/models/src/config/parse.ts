import { join } from 'node:path'
import { ModelsError } from '../errors'
import { type JsonObject, readJsonObject } from '../json-file'
import { families } from './families'
import { type Fields, fieldsOf, unsupported } from './fields'
import type { ModelConfig, WeightDtype } from './types'

/** Model types that `parseConfig` knows. */
export const supportedModelTypes: readonly string[] = Object.keys(families)

/**
 * The architecture that a `config.json` describes, from the keys of transformers 4 and 5 alike. Keys that a file
 * leaves out have the values of the Transformers class.
 *
 * @param raw   the parsed file
 * @param path  where it came from, for messages
 * @throws ModelsError `unsupported-model`, `unsupported-feature` (a rope scaling, a quantised checkpoint) or `bad-config`
 */
export const parseConfig = (raw: JsonObject, path = 'config.json'): ModelConfig => {
  const fields = fieldsOf(raw, path)
  const modelType = fields.text('model_type', '')
  const family = Object.hasOwn(families, modelType) ? families[modelType] : undefined
  if (family === undefined)
    throw new ModelsError(
      'unsupported-model',
      `parseConfig: ${path}: expected model_type to be one of ${supportedModelTypes.join(', ')}, got ${JSON.stringify(raw.model_type)}. Choose a model of a supported type.`,
      { path, key: 'model_type' },
    )
  if (fields.object('quantization_config') !== undefined)
    unsupported(
      fields,
      'quantization_config',
      'plain weights, got a quantised checkpoint',
      'Use the unquantised checkpoint.',
    )
  const text = fields.object('text_config') ?? fields
  return {
    modelType,
    ...family(fields),
    bosId: tokenId(fields, text, 'bos_token_id'),
    eosIds: tokenIds(fields, text, 'eos_token_id'),
    padId: tokenId(fields, text, 'pad_token_id'),
    dtype: weightDtype(raw.dtype ?? raw.torch_dtype ?? text.raw.dtype ?? text.raw.torch_dtype),
    initializerRange: text.number('initializer_range', 0.02),
    raw,
  }
}

/** The architecture of a Hugging Face folder, from its `config.json`. Errors as `parseConfig`, and `not-found`, `bad-json`. */
export const readConfig = async (folder: string): Promise<ModelConfig> => {
  const path = join(folder, 'config.json')
  return parseConfig(await readJsonObject(path), path)
}

/** Ids of a token key: none, one, or several. */
const tokenIds = (fields: Fields, text: Fields, key: string): number[] => {
  const value = fields.raw[key] ?? text.raw[key] ?? []
  const ids: unknown[] = Array.isArray(value) ? value : [value]
  return ids.every((id): id is number => Number.isSafeInteger(id))
    ? ids
    : fields.refuse(key, 'a token id or a list of them')
}

const tokenId = (fields: Fields, text: Fields, key: string): number | undefined => tokenIds(fields, text, key)[0]

const weightDtype = (value: unknown): WeightDtype | undefined => {
  const name = typeof value === 'string' ? value.replace(/^torch\./, '') : ''
  return name === 'float32' || name === 'float16' || name === 'bfloat16' ? name : undefined
}
