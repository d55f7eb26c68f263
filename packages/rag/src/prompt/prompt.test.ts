import { describe, expect, it } from 'vitest'
import { countCharacters } from '../chunk/measure'
import type { Hit, Retriever } from '../retriever'
import { rejection, texts } from '../test/world'
import { type AnswerModel, type AnswerPart, answer, collected } from './answer'
import { medicalGptPrompt } from './medicalgpt'
import { researchNotice } from './notice'
import { numberedPrompt } from './prompt'

const hits: Hit[] = texts.map((text, i) => ({
  id: String(i),
  text,
  source: i === 0 ? '手册' : '',
  metadata: {},
  score: 1,
}))
const bare = { template: ({ context, question }: { context: string; question: string }) => `${context}|${question}` }

describe('numberedPrompt', () => {
  it('numbers the sources, names where they come from, and asks the question', () => {
    const { prompt, sources, omitted } = numberedPrompt()({ question: '雾心症查什么？', hits: hits.slice(0, 2) })
    expect(prompt).toContain(
      '[1] 雾心症是一种虚构的心脏疾病，首选检查是云图扫描。（来源：手册）\n[2] 雾心症患者应忌食星椒，宜食月藻。\n',
    )
    expect(prompt).toContain('【问题】\n雾心症查什么？')
    expect(sources.map(({ number, hit }) => [number, hit.id])).toEqual([
      [1, '0'],
      [2, '1'],
    ])
    expect(omitted).toEqual([])
  })

  it('never exceeds the budget, takes hits in order, and cuts the last one after a sentence', () => {
    const long = { ...hits[0]!, id: 'long', source: '', text: '甲甲甲甲。乙乙乙乙。丙丙丙丙。' }
    for (let characters = 20; characters < 60; characters++) {
      const build = numberedPrompt({ ...bare, characters })
      const { prompt, sources, omitted } = build({
        question: '问？',
        hits: [{ ...long, text: '丁丁。' }, long, hits[1]!],
      })
      expect(countCharacters(prompt)).toBeLessThanOrEqual(characters)
      expect(sources.length + omitted.length).toBe(3)
      for (const { text, hit } of sources) expect(hit.text.startsWith(text) && text.endsWith('。')).toBe(true)
    }
    const { sources, omitted } = numberedPrompt({ ...bare, characters: 30 })({ question: '问？', hits: [long, long] })
    expect(sources.map(({ text }) => text)).toEqual(['甲甲甲甲。乙乙乙乙。丙丙丙丙。'])
    expect(omitted).toEqual([long])
  })

  it('counts tokens with the tokenizer that is given', () => {
    const tokenizer = { encode: (text: string): number[] => new Array(2 * text.length) }
    const { prompt } = numberedPrompt({ ...bare, tokens: 80, tokenizer })({ question: '问？', hits })
    expect(2 * prompt.length).toBeLessThanOrEqual(80)
  })

  it('refuses a question that alone exceeds the budget', () => {
    expect(() =>
      numberedPrompt({ ...bare, characters: 5 })({ question: '一个很长的问题', hits }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[RagError: numberedPrompt: expected room for at least the question, got a budget of 5 for 8. Raise the budget or shorten the question.]`,
    )
  })

  it('refuses a budget in two units', () => {
    expect(() => numberedPrompt({ tokens: 5, characters: 5 })).toThrow('got both')
  })

  it('does not read placeholders in sources or questions', () => {
    const { prompt } = numberedPrompt(bare)({ question: '{context} $& {question}', hits: [] })
    expect(prompt).toBe('|{context} $& {question}')
  })
})

describe('medicalGptPrompt', () => {
  const template = '<{context_str}><{query_str}>'

  it('writes sources as numbered lines in quotes', () => {
    const { prompt } = medicalGptPrompt({ template })({ question: '问$&{context_str}', hits: hits.slice(2, 4) })
    expect(prompt).toBe(`<[1]\t "${texts[2]}"\n[2]\t "${texts[3]}"><问$&{context_str}>`)
  })

  it('cuts the sources to the context length less that of the template, in characters', () => {
    const wide = [{ ...hits[0]!, text: '𠮷'.repeat(30) }, hits[1]!]
    const { prompt, sources, omitted } = medicalGptPrompt({ template, contextLength: template.length + 12 })({
      question: '很长的问题不算在内',
      hits: wide,
    })
    expect(prompt).toBe(`<[1]\t "${'𠮷'.repeat(6)}><很长的问题不算在内>`)
    expect(sources.map(({ text }) => text)).toEqual(['𠮷'.repeat(6)])
    expect(omitted.length).toBe(1)
  })

  it('names exactly the sources whose text is in the prompt, for every length', () => {
    for (let room = 0; room < 90; room++) {
      const build = medicalGptPrompt({ template, contextLength: template.length + room })
      const { prompt, sources } = build({ question: '', hits: hits.slice(0, 3) })
      const context = prompt.slice(1, -3)
      expect(context.length).toBeLessThanOrEqual(room)
      expect(context.split('\n').filter((line) => /"./.test(line)).length).toBe(sources.length)
      for (const { number, text } of sources) expect(context).toContain(`[${number}]\t "${text}`)
    }
  })

  it.each(['no places', '{context_str} only', '{query_str} only'])('refuses the template %j', (wrong) => {
    expect(() => medicalGptPrompt({ template: wrong })).toThrow(
      'expected a template with {context_str} and {query_str}',
    )
  })

  it('refuses a context shorter than the template', () => {
    expect(() => medicalGptPrompt({ contextLength: 10 })).toThrow('shorter than 10 characters')
  })
})

describe('answer', () => {
  const retriever: Retriever = { retrieve: async (_, { k = 5 } = {}) => hits.slice(0, k) }
  const nothing: Retriever = { retrieve: async () => [] }
  const streaming = {
    async *stream() {
      yield* ['首选', '云图扫描[1]', '。']
    },
  }
  const all = async (parts: AsyncIterable<AnswerPart>): Promise<AnswerPart[]> => {
    const list: AnswerPart[] = []
    for await (const part of parts) list.push(part)
    return list
  }

  it('gives sources, text, the notice and the whole, in this order', async () => {
    const parts = await all(answer({ model: streaming, retriever, question: '雾心症查什么？', k: 2 }))
    expect(parts.map(({ type }) => type)).toEqual(['sources', 'text', 'text', 'text', 'notice', 'end'])
    expect(parts.map(({ text }) => text).join('')).toBe(`首选云图扫描[1]。\n\n${researchNotice.zh}`)
    expect(parts.at(-1)).toMatchObject({
      answer: {
        text: '首选云图扫描[1]。',
        notice: researchNotice.zh,
        sources: [{ number: 1 }, { number: 2 }],
        cited: [{ number: 1, hit: { id: '0' } }],
      },
    })
  })

  it.each<[string, AnswerModel]>([
    [
      'a function that streams',
      async function* () {
        yield '答'
      },
    ],
    ['a function that returns text', async () => '答'],
    ['an object that generates', { generate: async () => ({ text: '答' }) }],
    [
      'a promise of a stream, as LangChain returns',
      {
        stream: async () =>
          (async function* () {
            yield { content: '答' }
          })(),
      },
    ],
  ])('takes %s as a model', async (_, model) => {
    expect((await collected(answer({ model, retriever, question: '问？' }))).text).toBe('答')
  })

  it('hands the model the formatted prompt, the generation options and the signal', async () => {
    const { signal } = new AbortController()
    const seen: unknown[] = []
    const model = async (prompt: { content: string }, options: object): Promise<string> => {
      seen.push(prompt.content.includes('[1] 雾心症'), options)
      return '答'
    }
    const format = (content: string) => ({ content })
    await collected(answer({ model, retriever, question: '问？', format, generation: { maxTokens: 9 }, signal }))
    expect(seen).toEqual([true, { maxTokens: 9, signal }])
  })

  it('does not ask the model when nothing is found, and still shows the notice', async () => {
    const model = async (): Promise<string> => {
      throw new Error('asked')
    }
    const result = await collected(answer({ model, retriever: nothing, question: '问？', nothingFound: '没有资料。' }))
    expect(result).toMatchObject({ text: '没有资料。', notice: researchNotice.zh, sources: [] })
  })

  it('takes a notice in other words, but not none', async () => {
    const options = { model: streaming, retriever, question: '问？' }
    expect((await collected(answer({ ...options, notice: researchNotice.en }))).notice).toBe(researchNotice.en)
    expect(await rejection(collected(answer({ ...options, notice: ' ' })))).toMatchObject({
      code: 'option',
      message: "answer: expected a notice, got ' '. Pass a text that is not blank.",
    })
  })

  it('refuses a blank question', async () => {
    expect(await rejection(collected(answer({ model: streaming, retriever, question: '' })))).toMatchObject({
      code: 'option',
    })
  })

  it('refuses a model that returns no text', async () => {
    const model = (async () => 7) as unknown as AnswerModel
    expect(await rejection(collected(answer({ model, retriever, question: '问？' })))).toMatchObject({
      code: 'model',
      message: "answer: expected text from the model, got 7. Return strings, or objects with 'text'.",
    })
  })

  it('stops with the reason of the signal between two pieces, and closes the stream of the model', async () => {
    const stop = new AbortController()
    let closed = false
    const model = {
      async *stream() {
        try {
          for (;;) yield '字'
        } finally {
          closed = true
        }
      },
    }
    const reading = (async () => {
      for await (const { type } of answer({ model, retriever, question: '问？', signal: stop.signal }))
        if (type === 'text') stop.abort(new Error('enough'))
    })()
    expect(await rejection(reading)).toMatchObject({ message: 'enough' })
    expect(closed).toBe(true)
  })
})

describe('collected', () => {
  it('refuses a stream without an end', async () => {
    const cut = (async function* (): AsyncGenerator<AnswerPart> {
      yield { type: 'text', text: 'x' }
    })()
    expect(await rejection(collected(cut))).toMatchObject({ code: 'model' })
  })
})
