import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { answerRequests } from './answer'
import { judgePairs } from './judge'
import type { GenerateRequest, ScoreRequest } from './model'
import { openaiModel } from './models/openai'
import { pipelineModel } from './models/pipeline'

interface Body {
  readonly messages?: { content: string }[]
  readonly prompt?: string
  readonly temperature: number
  readonly max_tokens: number
}

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** A server on this machine that answers with `reply`, which may set status and headers. */
const serve = async (
  reply: (body: Body, path: string, response: ServerResponse, request: IncomingMessage) => unknown,
): Promise<string> => {
  server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => (text += chunk))
    request.on('end', () => {
      const answer = reply(JSON.parse(text), request.url!, response, request)
      if (answer !== undefined) response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

const chat = (content: string): object => ({ choices: [{ message: { content } }] })
const ask = (prompt: GenerateRequest['prompt']): GenerateRequest => ({
  kind: 'generate',
  id: '1',
  prompt,
  maxTokens: 7,
})
const retries = { wait: async () => {} }

describe('openaiModel', () => {
  it('sends greedy chat requests with the key and reads the text', async () => {
    let seen: { body: Body; path: string; key: string | undefined } | undefined
    const baseUrl = await serve((body, path, _, request) => {
      seen = { body, path, key: request.headers.authorization }
      return chat('答案：A')
    })
    const model = openaiModel({ baseUrl, model: 'qilin', apiKey: 'secret' })
    expect(await answerRequests(model, [ask('问')])).toEqual([{ text: '答案：A' }])
    expect(seen).toMatchObject({
      path: '/v1/chat/completions',
      key: 'Bearer secret',
      body: { model: 'qilin', temperature: 0, max_tokens: 7, messages: [{ role: 'user', content: '问' }] },
    })
  })

  it('tries again after 429 and 500, not after 400, and keeps the other rows', async () => {
    let calls = 0
    const baseUrl = await serve((body, _path, response) => {
      calls++
      const text = body.messages![0]!.content
      if (text === 'bad') response.statusCode = 400
      if (text === 'busy' && calls < 4) response.statusCode = calls === 1 ? 429 : 500
      return response.statusCode === 200 ? chat('好') : { error: text }
    })
    const model = openaiModel({ baseUrl, model: 'm', concurrency: 1 })
    const answers = await answerRequests(model, [ask('busy'), ask('bad'), ask('fine')], { retries })
    expect(answers).toEqual([{ text: '好' }, { error: expect.stringContaining('status 400') }, { text: '好' }])
  })

  it('waits as the server asks', async () => {
    const pauses: number[] = []
    let calls = 0
    const baseUrl = await serve((_body, _path, response) => {
      if (calls++ > 0) return chat('好')
      response.statusCode = 429
      response.setHeader('retry-after', '3')
      return {}
    })
    await answerRequests(openaiModel({ baseUrl, model: 'm' }), [ask('问')], {
      retries: { wait: async (ms) => void pauses.push(ms) },
    })
    expect(pauses).toEqual([3000])
  })

  it('reports a row after timeouts, broken JSON and refused connections, each tried a bounded number of times', async () => {
    let calls = 0
    const counted: typeof fetch = (...request) => {
      calls++
      return fetch(...request)
    }
    const slow = openaiModel({ baseUrl: await serve(() => undefined), model: 'm', timeoutMs: 30, fetch: counted })
    expect(await answerRequests(slow, [ask('问')], { retries: { ...retries, attempts: 2 } })).toEqual([
      { error: expect.stringContaining('30 ms') },
    ])
    expect(calls).toBe(2)
    const broken = openaiModel({ baseUrl: await serve(() => '<html>'), model: 'm' })
    expect(await answerRequests(broken, [ask('问')], { retries })).toEqual([{ error: 'expected JSON, got <html>' }])
    const gone = openaiModel({ baseUrl: 'http://127.0.0.1:9/v1', model: 'm' })
    expect(await answerRequests(gone, [ask('问')], { retries })).toEqual([
      { error: expect.stringContaining('127.0.0.1:9') },
    ])
  })

  it('sums echoed log-probabilities of the continuation alone', async () => {
    // One token a code point; the surrogate pair counts as one.
    const baseUrl = await serve(({ prompt }) => {
      const characters = [...prompt!]
      const logprobs = {
        token_logprobs: characters.map((_, i) => (i === 0 ? null : -i)),
        text_offset: characters.map((_, i) => i),
      }
      return { choices: [{ logprobs }] }
    })
    const model = openaiModel({ baseUrl, model: 'm', echo: true })
    const request: ScoreRequest = { kind: 'score', id: '1', prompt: '𠮷问', continuations: ['甲乙', '丙'] }
    expect(await answerRequests(model, [request])).toEqual([
      {
        scores: [
          { logProb: -5, tokens: 2, firstLogProb: -2 },
          { logProb: -2, tokens: 1, firstLogProb: -2 },
        ],
      },
    ])
    expect(openaiModel({ baseUrl, model: 'm' }).score).toBeUndefined()
  })
})

describe('pipelineModel', () => {
  it('generates greedily, reads texts and conversations, and cuts at stops', async () => {
    const calls: object[] = []
    const model = pipelineModel(
      async (input, options) => {
        calls.push(options)
        return [
          { generated_text: typeof input === 'string' ? '甲。乙' : [...input, { role: 'assistant', content: '丙' }] },
        ]
      },
      { name: 'p' },
    )
    const requests = [{ ...ask('问'), stop: ['。'] }, ask([{ role: 'user', content: '问' }])]
    expect(await answerRequests(model, requests)).toEqual([{ text: '甲' }, { text: '丙' }])
    expect(calls[0]).toEqual({ max_new_tokens: 7, do_sample: false, return_full_text: false })
  })
})

describe('judgePairs', () => {
  const pairs = [
    { id: '1', question: '头痛怎么办', first: '休息并就医', second: '不管' },
    { id: '2', question: '咳嗽怎么办', first: '多喝水', second: '多喝水吧' },
    { id: '3', question: '发热怎么办', first: '吃糖', second: '测体温' },
  ]
  /** Prefers the answer with more characters, except on the second pair, where it always takes what it sees first. */
  const judgeReply = (prompt: string): string => {
    const [a, b] = [...prompt.matchAll(/助手[AB]的回答】\n(.*)\n/g)].map((match) => match[1]!)
    if (prompt.includes('咳嗽')) return '[[A]]'
    return `理由。\n[[${a!.length > b!.length ? 'A' : 'B'}]]`
  }

  it('counts a verdict only if it survives the swap, and reports agreement and position', async () => {
    const baseUrl = await serve((body) => chat(judgeReply(body.messages![0]!.content)))
    const result = await judgePairs({ judge: openaiModel({ baseUrl, model: 'judge' }), pairs })
    expect(result).toMatchObject({ wins: 1, losses: 1, ties: 1, failed: 0, unjudged: 0, agreement: 2 / 3 })
    expect(result.pairs.map((pair) => pair.outcome)).toEqual(['first', 'tie', 'second'])
    expect(result.winRate).toMatchObject({ value: 0.5, n: 3 })
    expect(result.firstShownPreferred).toBe(4 / 6)
  })

  it('spends no more than the budget', async () => {
    let calls = 0
    const baseUrl = await serve((body) => {
      calls++
      return chat(judgeReply(body.messages![0]!.content))
    })
    const result = await judgePairs({
      judge: openaiModel({ baseUrl, model: 'judge' }),
      pairs,
      budget: { limit: 5, costOf: () => 1 },
    })
    expect(calls).toBe(4)
    expect(result).toMatchObject({ cost: 4, unjudged: 1 })
    expect(result.pairs[2]!.error).toBe('beyond the budget')
  })

  it('counts the longest answers into the cost unless told otherwise', async () => {
    const prompts: string[] = []
    const judge = {
      name: 'judge',
      generate: async (requests: readonly { prompt: unknown }[]) =>
        requests.map(({ prompt }) => {
          prompts.push(String(prompt))
          return '[[C]]'
        }),
    }
    const { cost } = await judgePairs({ judge, pairs, maxTokens: 100 })
    expect(cost).toBe(prompts.reduce((sum, prompt) => sum + prompt.length + 100, 0))
    const limit = cost - 1
    expect(await judgePairs({ judge, pairs, maxTokens: 100, budget: { limit } })).toMatchObject({ unjudged: 1 })
  })

  it('reports pairs on which the judge failed or named no winner', async () => {
    const baseUrl = await serve((body, _path, response) => {
      if (body.messages![0]!.content.includes('头痛')) response.statusCode = 400
      return chat('都不错')
    })
    const result = await judgePairs({ judge: openaiModel({ baseUrl, model: 'judge' }), pairs, retries })
    expect(result).toMatchObject({ failed: 3, winRate: undefined })
    expect(result.pairs[1]!.error).toBe('the judge named no winner')
  })
})
