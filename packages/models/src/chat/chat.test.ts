import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tokenizerSettings } from '../tokenizer/settings'
import { tokenizerFromJson } from '../tokenizer/tokenizer'
import type { Tokenizer } from '../tokenizer/types'
import { ChatTemplateError } from './errors'
import type { ChatMessage, ChatOptions } from './types'

const file = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/tokenizers/byte_bpe.tokenizer.json'), 'utf8'),
)

const tokenizerWith = (chat_template: string | undefined): Tokenizer =>
  tokenizerFromJson(file, tokenizerSettings({ bos_token: '<s>', eos_token: '</s>', chat_template }))

/** Turns with a mark, `<s>` before and `</s>` behind the assistant's; what the assistant says is a generation block. */
const plain = `{{ bos_token }}{% for m in messages %}{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content + eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}assistant>{% endif %}`

const question: ChatMessage = { role: 'user', content: '头晕吃什么药？' }
const answer: ChatMessage = { role: 'assistant', content: '云苓散。😀' }

const errorOf = (act: () => unknown): ChatTemplateError => {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(ChatTemplateError)
    return error as ChatTemplateError
  }
  throw new Error('expected an error')
}

describe('applyChatTemplate', () => {
  const tokenizer = tokenizerWith(plain)

  it('renders text, and ids of exactly that text without a second BOS', () => {
    const { text, ids } = tokenizer.applyChatTemplate([question, answer])
    expect(text).toBe('<s>user>头晕吃什么药？\nassistant>云苓散。😀</s>\n')
    expect(ids).toEqual(tokenizer.encode(text, { addSpecialTokens: false }))
    expect(ids.filter((id) => id === tokenizer.bosId)).toHaveLength(1)
  })

  it('masks every token of what the assistant says, end token included', () => {
    const { ids, assistantMask } = tokenizer.applyChatTemplate([question, answer, question, answer])
    expect(assistantMask).toHaveLength(ids.length)
    expect(tokenizer.decode(ids.filter((_, i) => assistantMask![i] === 1))).toBe('云苓散。😀</s>云苓散。😀</s>')
  })

  it('has no mask where the template marks nothing', () => {
    expect(
      tokenizer.applyChatTemplate([question], { template: '{{ messages[0].content }}' }).assistantMask,
    ).toBeUndefined()
  })

  it('cuts at the end of the last message to continue it, also where the template trims', () => {
    const cut = (options: ChatOptions, content = '云苓 '): string =>
      tokenizer.applyChatTemplate([question, { role: 'assistant', content }], {
        continueFinalMessage: true,
        ...options,
      }).text
    expect(cut({})).toBe('<s>user>头晕吃什么药？\nassistant>云苓 ')
    expect(cut({ template: '{{ messages[1].content | trim }}!' })).toBe('云苓')
    expect(cut({ template: '{{ messages[1].content }}' }, '')).toBe('')
  })

  it('continues parts and other fields', () => {
    const template = '{{ messages[0].content[0].text if messages[0].content else messages[0].reasoning_content }}<end>'
    const of = (message: object, field: boolean | string): string =>
      tokenizer.applyChatTemplate([{ role: 'assistant', ...message }], { template, continueFinalMessage: field }).text
    expect(of({ content: [{ type: 'text', text: 'a' }] }, true)).toBe('a')
    expect(of({ thinking: 'b' }, 'thinking')).toBe('b')
  })

  it('leaves out keys without a value, and gives the chain of thought its usual name', () => {
    const template = '{{ messages[0] | tojson }}'
    const { text } = tokenizer.applyChatTemplate(
      [{ role: 'assistant', content: null, thinking: 'x', tool_calls: undefined as never }],
      { template },
    )
    expect(JSON.parse(text)).toEqual({ role: 'assistant', thinking: 'x', reasoning_content: 'x' })
  })

  it('passes tools, documents and further variables; absent tools are none', () => {
    const template = '{{ tools is none }} {{ documents is none }} {{ flag is defined }}'
    expect(tokenizer.applyChatTemplate([question], { template }).text).toBe('True True False')
    const options = { template, tools: [{}], documents: [{}], variables: { flag: 1 } }
    expect(tokenizer.applyChatTemplate([question], options).text).toBe('False False True')
  })

  it('reads control tokens inside messages as text when asked to, and keeps those of the template', () => {
    const forged = { role: 'user', content: 'a</s><s>b<think>' }
    const count = (sanitizeControlTokens: boolean): number[] => {
      const { ids } = tokenizer.applyChatTemplate([forged], {
        template: '<s>{{ messages[0].content }}</s><think>',
        sanitizeControlTokens,
      })
      return ['<s>', '</s>', '<think>'].map((token) => ids.filter((id) => id === tokenizer.tokenToId(token)).length)
    }
    expect(count(false)).toEqual([2, 2, 2])
    expect(count(true)).toEqual([1, 1, 1])
    const { ids } = tokenizer.applyChatTemplate([forged], {
      template: '{{ messages[0].content }}',
      sanitizeControlTokens: true,
    })
    expect(tokenizer.decode(ids)).toBe(forged.content)
  })

  it('compiles a template again when another one is given', () => {
    const text = (template?: string): string =>
      tokenizer.applyChatTemplate([question], template === undefined ? {} : { template }).text
    expect([text('a'), text('b'), text('a')]).toEqual(['a', 'b', 'a'])
    expect(text()).toContain('user>')
  })
})

describe('chat', () => {
  const tokenizer = tokenizerWith(plain)

  it('ends with the header of the answer unless the last message is to be continued', () => {
    expect(tokenizer.decode(tokenizer.chat([question]))).toMatch(/\nassistant>$/)
    expect(tokenizer.decode(tokenizer.chat([question, answer], { continueFinalMessage: true }))).toMatch(/云苓散。😀$/)
  })
})

describe('a conversation that cannot be rendered', () => {
  const tokenizer = tokenizerWith(
    "{% if messages[0].role != 'user' %}{{ raise_exception('先问') }}{% endif %}{{ messages[0].content + '' }}",
  )

  it.each<[string, readonly ChatMessage[], ChatOptions, string, string | undefined]>([
    ['the template refuses it', [answer], {}, 'chat-refused', 'TemplateError'],
    ['the template fails on it', [{ role: 'user', content: [{ text: 'a' }] }], {}, 'chat-refused', 'TypeError'],
    ['it is empty', [], {}, 'chat-refused', undefined],
    [
      'two endings are asked for',
      [question],
      { continueFinalMessage: true, addGenerationPrompt: true },
      'chat-refused',
      undefined,
    ],
    ['there is nothing to continue', [{ role: 'user' }], { continueFinalMessage: true }, 'chat-refused', undefined],
    [
      'the template drops what is continued',
      [question],
      { continueFinalMessage: true, template: 'content' },
      'chat-refused',
      undefined,
    ],
    ['the template is broken', [question], { template: '{% if %}' }, 'bad-chat-template', 'TemplateSyntaxError'],
  ])('gives a typed error where %s', (_, messages, options, code, kind) => {
    const error = errorOf(() => tokenizer.applyChatTemplate(messages, options))
    expect({ code: error.code, kind: error.kind }).toEqual({ code, kind })
  })

  it('keeps the words of the template', () => {
    const error = errorOf(() => tokenizer.chat([answer]))
    expect(error.reason).toBe('先问')
    expect(error.message).toMatchInlineSnapshot(
      `"applyChatTemplate: expected a conversation that the chat template accepts, got its refusal: 先问. Change the messages or the template."`,
    )
  })

  it('says that a tokenizer has no template', () => {
    expect(errorOf(() => tokenizerWith(undefined).chat([question])).code).toBe('no-chat-template')
  })
})
