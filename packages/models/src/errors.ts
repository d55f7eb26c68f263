/** What went wrong in this package; stable names to branch on. */
export type ModelsErrorCode =
  | 'not-found'
  | 'bad-json'
  | 'bad-config'
  | 'unsupported-model'
  | 'unsupported-feature'
  | 'bad-tokenizer'
  | 'unsupported-tokenizer'
  | 'unknown-token'
  | 'bad-truncation'
  | 'unknown-module'
  | 'bad-prompt'
  | 'no-chat-template'
  | 'bad-chat-template'
  | 'chat-refused'
  | 'bad-checkpoint'
  | 'missing-tensor'
  | 'wrong-shape'
  | 'pickle-checkpoint'
  | 'write-failed'

/** Where an error of this package belongs; what does not apply is left out. */
export interface ModelsErrorFields {
  /** File or folder concerned. */
  readonly path?: string
  /** Key of a JSON file, `.` between levels. */
  readonly key?: string
  /** Tensor concerned. */
  readonly tensor?: string
  readonly cause?: unknown
}

/** Base of all errors of this package; `code` is stable, the fields say where. */
export class ModelsError extends Error {
  override readonly name: string = 'ModelsError'
  readonly code: ModelsErrorCode
  readonly path: string | undefined
  readonly key: string | undefined
  readonly tensor: string | undefined

  constructor(code: ModelsErrorCode, message: string, { path, key, tensor, cause }: ModelsErrorFields = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.path = path
    this.key = key
    this.tensor = tensor
  }
}
