import type { Engine } from '../tokenizer/engine'
import type { TokenizerSettings } from '../tokenizer/settings'
import { controlTokens } from './control-tokens'
import { ChatTemplateError } from './errors'
import { compileTemplate, type Template } from './jinja/template'
import { JinjaError } from './jinja/values'
import { cutAtMark, openLastMessage, preparedMessages, refused } from './messages'
import type { ChatMessage, ChatOptions, RenderedChat } from './types'

/** Chat rendering of one tokenizer. */
export interface Chat {
  /** Ids that the model continues; see `Tokenizer.chat`. */
  prompt(messages: readonly ChatMessage[], options?: ChatOptions): number[]
  /** Text, ids and mask; see `Tokenizer.applyChatTemplate`. */
  render(messages: readonly ChatMessage[], options?: ChatOptions): RenderedChat
}

/** Chat rendering around an engine, with the template and special tokens of the settings. */
export const chatOf = (engine: Engine, settings: Pick<TokenizerSettings, 'chatTemplate' | 'named'>): Chat => {
  let last: { source: string; template: Template } | undefined // a template is compiled once, not once a conversation

  const templateOf = (source: string | undefined): { source: string; template: Template } => {
    if (source === undefined)
      throw new ChatTemplateError(
        'no-chat-template',
        'applyChatTemplate: expected a chat template, got a tokenizer without one. Give the option template.',
      )
    if (last?.source !== source)
      last = { source, template: translating('bad-chat-template', () => compileTemplate(source)) }
    return last
  }

  const render = (messages: readonly ChatMessage[], options: ChatOptions, masked: boolean): RenderedChat => {
    const { continueFinalMessage = false, addGenerationPrompt = false, sanitizeControlTokens = false } = options
    if (continueFinalMessage !== false && addGenerationPrompt)
      throw refused('continueFinalMessage or addGenerationPrompt, got both', 'Leave one out.')
    const { source, template } = templateOf(options.template ?? settings.chatTemplate)
    const control = sanitizeControlTokens ? controlTokens(engine, template.literals) : undefined
    const clean = <T>(data: T): T => control?.mark(data) ?? data
    const prepared = preparedMessages(clean(messages))
    const field = continueFinalMessage === true ? 'content' : continueFinalMessage
    const opened = field === false ? undefined : openLastMessage(prepared, { field, template: source })
    const variables = {
      ...settings.named.roles,
      ...clean(options.variables),
      messages: opened?.messages ?? prepared,
      tools: clean(options.tools) ?? null,
      documents: clean(options.documents) ?? null,
      add_generation_prompt: addGenerationPrompt,
    }
    const rendering = translating('chat-refused', () => template.render(variables, { now: options.now }))
    const text = opened === undefined ? rendering.text : cutAtMark(rendering.text, opened.text)
    if (control !== undefined) return { text, ids: control.encode(text), assistantMask: undefined }
    if (!masked || opened !== undefined || !template.marksGeneration)
      return { text, ids: engine.encode(text), assistantMask: undefined }
    const { ids, offsets } = engine.track(text)
    return { text, ids, assistantMask: maskOf(offsets, rendering.generations) }
  }

  return {
    prompt: (messages, options = {}) =>
      render(messages, { addGenerationPrompt: !options.continueFinalMessage, ...options }, false).ids,
    render: (messages, options = {}) => render(messages, options, true),
  }
}

/** 1 from the token with the first character to the token with the last one of each block. */
const maskOf = (offsets: readonly number[], blocks: readonly (readonly [number, number])[]): Uint8Array => {
  const mask = new Uint8Array(offsets.length / 2)
  const tokenAt = (place: number): number =>
    mask.findIndex((_, i) => offsets[2 * i]! <= place && place < offsets[2 * i + 1]!)
  for (const [begin, end] of blocks) {
    if (begin === end) continue
    const first = tokenAt(begin)
    const last = tokenAt(end - 1)
    if (first >= 0) mask.fill(1, first, last < 0 ? mask.length : last + 1)
  }
  return mask
}

const translating = <T>(code: 'bad-chat-template' | 'chat-refused', act: () => T): T => {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof JinjaError)) throw error
    const message =
      code === 'chat-refused'
        ? `applyChatTemplate: expected a conversation that the chat template accepts, got its refusal: ${error.message}. Change the messages or the template.`
        : `applyChatTemplate: expected a valid chat template, got: ${error.message}. Correct the template.`
    throw new ChatTemplateError(code, message, { kind: error.kind, reason: error.message })
  }
}
