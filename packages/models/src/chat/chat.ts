import { Template } from '@huggingface/jinja'
import { ModelsError } from '../errors'
import type { Tokenizer } from '../tokenizer/types'
import type { ChatMessage, ChatOptions, RenderedChat } from './types'

/** Chat rendering of a tokenizer. */
export const chatOf =
  (tokenizer: Pick<Tokenizer, 'chatTemplate' | 'encode' | 'bosToken' | 'eosToken' | 'padToken' | 'unkToken'>) =>
  (messages: readonly ChatMessage[], options: ChatOptions = {}): RenderedChat => {
    const source = options.template ?? tokenizer.chatTemplate
    if (source === undefined)
      throw new ModelsError(
        'no-chat-template',
        'applyChatTemplate: expected a chat template, got a tokenizer without one. Give the option template.',
      )
    const text = new Template(source).render({
      messages,
      tools: options.tools,
      documents: options.documents,
      add_generation_prompt: options.addGenerationPrompt ?? false,
      bos_token: tokenizer.bosToken,
      eos_token: tokenizer.eosToken,
      pad_token: tokenizer.padToken,
      unk_token: tokenizer.unkToken,
      ...options.variables,
    })
    return { text, ids: tokenizer.encode(text, { addSpecialTokens: false }), assistantMask: undefined }
  }
