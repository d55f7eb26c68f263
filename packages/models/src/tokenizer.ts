/** Tokenizers alone, for programs that need no model. */
export type * from './chat/types'
export { ModelsError, type ModelsErrorCode } from './errors'
export { TokenizerError } from './tokenizer/errors'
export { loadTokenizer } from './tokenizer/load'
export { readTokenizerSettings, type TokenizerSettings, tokenizerSettings } from './tokenizer/settings'
export { tokenizerFromJson } from './tokenizer/tokenizer'
export type * from './tokenizer/types'
