import type { ChatTokenizer } from '@qilin-med/chimed'
import { tokenizerFromJson, tokenizerSettings } from '@qilin-med/models/tokenizer'
import { readGolden } from '../chimed/golden'

/** A tokenizer with the chat template of a name in `chat/templates.json`. */
export type Tokenizers = (template: string) => ChatTokenizer

/** The tokenizer and tokens that the head of every file names: `qwen_bpe`, eos `<|im_end|>`, pad `<|endoftext|>`; gemma3_training has a BOS. */
export function tokenizersOf(golden: string): Tokenizers {
  const made = new Map<string, ChatTokenizer>()
  return (template) => {
    let tokenizer = made.get(template)
    if (!tokenizer) made.set(template, (tokenizer = makeTokenizer(golden, template)))
    return tokenizer
  }
}

function makeTokenizer(golden: string, name: string): ChatTokenizer {
  const file = readGolden<Parameters<typeof tokenizerFromJson>[0]>(golden, 'text/tokenizers/qwen_bpe.tokenizer')
  const templates = readGolden<{ templates: { name: string; template?: string }[] }>(golden, 'text/chat/templates')
  const template = templates?.templates.find((entry) => entry.name === name)?.template
  if (!file || template === undefined)
    throw new Error(
      `text/tokenizers/qwen_bpe.tokenizer.json or the template ${name} in text/chat/templates.json is missing`,
    )
  const bos = name === 'gemma3_training' ? { bos_token: '<bos>' } : {}
  return tokenizerFromJson(
    file,
    tokenizerSettings({ eos_token: '<|im_end|>', pad_token: '<|endoftext|>', chat_template: template, ...bos }),
  )
}
