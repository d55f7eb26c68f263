import { ModelsError, type ModelsErrorCode } from '../errors'
import type { JinjaErrorKind } from './jinja/values'

/** Error of rendering a conversation. */
export class ChatTemplateError extends ModelsError {
  override readonly name = 'ChatTemplateError'
  /** Exception that Jinja for Python raises in the same place; undefined for refusals before the template. */
  readonly kind: JinjaErrorKind | undefined
  /** The template's own words, such as what `raise_exception` was called with. */
  readonly reason: string

  constructor(
    code: ModelsErrorCode,
    message: string,
    { kind, reason = message }: { kind?: JinjaErrorKind; reason?: string } = {},
  ) {
    super(code, message)
    this.kind = kind
    this.reason = reason
  }
}
