import { ModelsError } from '../errors'

/** Error of a tokenizer: a file that cannot be read, a token or feature that is not there. */
export class TokenizerError extends ModelsError {
  override readonly name = 'TokenizerError'
}
