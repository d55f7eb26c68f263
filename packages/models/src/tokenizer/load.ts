import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelsError } from '../errors'
import { readJsonObject } from '../json-file'
import { TokenizerError } from './errors'
import { readTokenizerSettings } from './settings'
import { tokenizerFromJson, tokenizerFromSentencePiece } from './tokenizer'
import type { Tokenizer } from './types'

/**
 * The tokenizer of a Hugging Face folder: `tokenizer.json`, else SentencePiece's `tokenizer.model`, with the settings
 * beside it (`tokenizer_config.json`, `special_tokens_map.json`, `chat_template.jinja`).
 *
 * @throws TokenizerError `not-found` when the folder has no tokenizer, `bad-tokenizer` or `unsupported-tokenizer` when
 * its file cannot be used; `path` names the file
 */
export const loadTokenizer = async (folder: string): Promise<Tokenizer> => {
  const settings = await readTokenizerSettings(folder)
  const json = join(folder, 'tokenizer.json')
  if (await exists(json)) {
    const file = await readJsonObject(json)
    return naming(json, () => tokenizerFromJson(file, settings))
  }
  const model = join(folder, 'tokenizer.model')
  if (await exists(model)) {
    const bytes = await readFile(model)
    return naming(model, () => tokenizerFromSentencePiece(bytes, settings))
  }
  throw new TokenizerError(
    'not-found',
    `loadTokenizer: ${folder}: expected tokenizer.json or tokenizer.model, got neither. Copy the tokenizer's files into the folder.`,
    { path: folder },
  )
}

/** Adds the file's path to errors of parsing it. */
const naming = <T>(path: string, parse: () => T): T => {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof ModelsError)) throw cause
    const message = cause.message.replace('loadTokenizer:', `loadTokenizer: ${path}:`)
    throw new TokenizerError(cause.code, message, { path, key: cause.key, cause })
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
