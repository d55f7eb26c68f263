/** What went wrong with a safetensors file or shard index. */
export type SafetensorsErrorCode =
  | 'not-found'
  | 'truncated'
  | 'bad-header'
  | 'header-too-large'
  | 'duplicate-name'
  | 'bad-offsets'
  | 'size-mismatch'
  | 'unsupported-dtype'
  | 'unknown-tensor'
  | 'bad-rows'
  | 'bad-index'
  | 'path-escape'
  | 'bad-tensor'
  | 'write-failed'

/** Error of the safetensors reader and writer; `code` is stable, `path` and `tensor` say where. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError'
  readonly code: SafetensorsErrorCode
  /** File that was read or written. */
  readonly path: string
  /** Tensor concerned, when it is one tensor. */
  readonly tensor: string | undefined

  constructor(
    code: SafetensorsErrorCode,
    message: string,
    { path, tensor, cause }: { path: string; tensor?: string; cause?: unknown },
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.path = path
    this.tensor = tensor
  }
}
