import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JsonObject, readJsonObjectIfThere } from '../json-file'
import { TokenizerError } from './errors'
import { type AddedToken, decoderTokens, type NamedTokens, namedTokens } from './special-tokens'

/** What the files beside a vocabulary say about it. */
export interface TokenizerSettings {
  readonly named: NamedTokens
  /** Added tokens with the ids that `tokenizer_config.json` gives them. */
  readonly added: ReadonlyMap<number, AddedToken>
  readonly chatTemplate: string | undefined
  readonly maxLength: number | undefined
  /** `tokenizer_config.json` as parsed. */
  readonly config: JsonObject
}

/**
 * Settings from `tokenizer_config.json`, `special_tokens_map.json` and `chat_template.jinja` of a folder; each file may
 * be absent. A template in its own file wins over one in the settings, as in Transformers.
 */
export const readTokenizerSettings = async (folder: string): Promise<TokenizerSettings> => {
  const config = (await readJsonObjectIfThere(join(folder, 'tokenizer_config.json'))) ?? {}
  const map = (await readJsonObjectIfThere(join(folder, 'special_tokens_map.json'))) ?? {}
  return tokenizerSettings(config, map, await readTemplate(join(folder, 'chat_template.jinja')))
}

/** Settings from parsed files. */
export const tokenizerSettings = (
  config: JsonObject = {},
  map: JsonObject = {},
  templateFile?: string,
): TokenizerSettings => ({
  named: namedTokens(config, map),
  added: decoderTokens(config),
  chatTemplate: templateFile ?? defaultTemplate(config.chat_template),
  maxLength: realLimit(config.model_max_length),
  config,
})

const readTemplate = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw new TokenizerError(
      'not-found',
      `loadTokenizer: ${path}: expected a readable file, got ${cause.code}. Check the file.`,
      {
        path,
        cause,
      },
    )
  })

/** One template, or the one called `default` of several named ones. */
const defaultTemplate = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  const named = value.find((entry) => entry?.name === 'default')
  return typeof named?.template === 'string' ? named.template : undefined
}

/** Transformers writes 1e30 where there is no limit. */
const realLimit = (value: unknown): number | undefined =>
  typeof value === 'number' && value > 0 && value < 1e15 ? value : undefined
