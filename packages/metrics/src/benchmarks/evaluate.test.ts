import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MetricsError } from '../errors'
import { answerRequests } from './answer'
import { contentKey, fileCache, memoryCache } from './cache'
import { evaluate } from './evaluate'
import type { EvaluatedModel, GenerateRequest, ModelFailure, ScoreRequest } from './model'
import type { ChoiceQuestion } from './prompts/choice-prompt'
import { cmexam } from './tasks/cmexam'
import { openAnswers } from './tasks/open-answers'
import { preferences } from './tasks/preferences'
import { safety } from './tasks/safety'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qilin-metrics-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const options = [
  { letter: 'A', text: '蓝叶草' },
  { letter: 'B', text: '白石散' },
  { letter: 'C', text: '红藤汤' },
]

/** Invented questions; the answer of question i is the letter at i mod 3. */
const questions = (count: number): ChoiceQuestion[] =>
  Array.from({ length: count }, (_, i) => ({
    id: String(i),
    question: `第${i}问：灰斑症用什么药？`,
    options,
    answer: 'ABC'[i % 3]!,
    explanation: `灰斑症第${i}型用药。`,
    groups: { 'Clinical Department': i % 2 === 0 ? '内科' : '外科' },
  }))

const request = (id: string): GenerateRequest => ({ kind: 'generate', id, prompt: `提示${id}`, maxTokens: 5 })

/** Always answers A, and counts what it is asked. */
const counting = (): EvaluatedModel & { asked: string[] } => {
  const asked: string[] = []
  return {
    name: 'always A',
    asked,
    batchSize: 4,
    generate: async (requests) => {
      asked.push(...requests.map(({ id }) => id))
      return requests.map(() => '答案：A')
    },
  }
}

const noWait = { wait: async () => {} }

describe('evaluate', () => {
  it('gives accuracy with interval, counts and groups, and every row', async () => {
    const { model, tasks } = await evaluate({ model: counting(), tasks: [cmexam({ data: questions(9) })] })
    const [task] = tasks
    expect(model).toBe('always A')
    expect(task!.measures.accuracy).toMatchObject({ value: 1 / 3, n: 9, unparsed: 0, valueOfParsed: 1 / 3 })
    expect(task!.measures.accuracy!.ci95![0]).toBeLessThan(1 / 3)
    // 3 of 9 right: precision 3/9, recall 1, F1 1/2 for A, weight 1/3
    expect(task!.measures.weightedF1!.value).toBeCloseTo(1 / 6, 12)
    expect(task!.groups['Clinical Department']!.内科).toMatchObject({ n: 5 })
    expect(task!.rows[1]).toMatchObject({ id: '1', gold: 'B', predicted: 'A', correct: false, outputs: ['答案：A'] })
  })

  it('counts unread answers as wrong and names them', async () => {
    const model: EvaluatedModel = { name: 'm', generate: async (rs) => rs.map((_, i) => (i === 0 ? 'A' : '不知道')) }
    const { tasks } = await evaluate({ model, tasks: [cmexam({ data: questions(3) })] })
    expect(tasks[0]!.measures.accuracy).toMatchObject({ value: 1 / 3, unparsed: 2, valueOfParsed: 1 })
  })

  it('scores explanations of questions that have one, beside the answers', async () => {
    const data = questions(2).map((question, i) => (i === 0 ? question : { ...question, explanation: undefined }))
    const model: EvaluatedModel = {
      name: 'm',
      generate: async (rs) => rs.map(({ id }) => (id.endsWith('explanation') ? '灰斑症第0型用药。' : 'A')),
    }
    const { tasks } = await evaluate({ model, tasks: [cmexam({ data, explanations: true })] })
    expect(tasks[0]!.measures.bleu4).toMatchObject({ n: 1, value: expect.closeTo(100, 9) })
    expect(tasks[0]!.rows[0]!.outputs).toEqual(['A', '灰斑症第0型用药。'])
    expect(tasks[0]!.rows[1]!.outputs).toEqual(['A'])
  })

  it('chooses options by mean log-probability per token and letters by their sum', async () => {
    const scores = [
      { logProb: -3, tokens: 3 },
      { logProb: -2, tokens: 1 },
      { logProb: -9, tokens: 3 },
    ]
    const model: EvaluatedModel = { name: 'm', score: async (rs) => rs.map(() => scores) }
    const chosen = async (scoring: 'options' | 'likelihood'): Promise<string | undefined> => {
      const { tasks } = await evaluate({ model, tasks: [cmexam({ data: questions(1), scoring })] })
      return tasks[0]!.rows[0]!.predicted
    }
    expect(await chosen('options')).toBe('A')
    expect(await chosen('likelihood')).toBe('B')
  })

  it('puts all options of a question into one request', async () => {
    const seen: ScoreRequest[] = []
    const model: EvaluatedModel = {
      name: 'm',
      score: async (rs) => {
        seen.push(...rs)
        return rs.map((r) => r.continuations.map(() => ({ logProb: -1, tokens: 1 })))
      },
    }
    await evaluate({ model, tasks: [cmexam({ data: questions(2), scoring: 'options' })] })
    expect(seen.map((r) => r.continuations)).toEqual([options.map((o) => o.text), options.map((o) => o.text)])
  })

  it('reports rows that failed for good and leaves them out of the measures', async () => {
    const model: EvaluatedModel = {
      name: 'm',
      generate: async (rs) =>
        rs.map(({ id }): string | ModelFailure => (id === 'cmexam/0' ? { error: 'status 500' } : 'B')),
    }
    const { tasks } = await evaluate({ model, tasks: [cmexam({ data: questions(3) })], retries: noWait })
    expect(tasks[0]).toMatchObject({ failed: 1, measures: { accuracy: { value: 0.5, n: 2 } } })
    expect(tasks[0]!.rows[0]).toMatchObject({ error: 'status 500', outputs: [] })
  })

  it('calls a row with a NaN log-probability failed', async () => {
    const model: EvaluatedModel = {
      name: 'm',
      score: async (rs) => rs.map((r) => r.continuations.map(() => ({ logProb: Number.NaN, tokens: 1 }))),
    }
    const { tasks } = await evaluate({
      model,
      tasks: [cmexam({ data: questions(1), scoring: 'likelihood' })],
      retries: noWait,
    })
    expect(tasks[0]).toMatchObject({ failed: 1, measures: {} })
    expect(tasks[0]!.rows[0]!.error).toBe('a log-probability is NaN')
  })

  it('refuses a way of scoring that there is not', () => {
    expect(() => cmexam({ data: [], scoring: 'logits' as never })).toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: cmexam: expected scoring of generation, first-token, likelihood, options, got 'logits'. Name one of them.]`,
    )
  })

  it('keeps the answer of a row whose explanation failed, and reports the row', async () => {
    const result = await evaluate({
      model: {
        name: 'half',
        generate: async (requests) =>
          requests.map(({ id }) =>
            id.endsWith('explanation') ? { error: 'status 400', retryable: false } : '答案：A',
          ),
      },
      tasks: [
        cmexam({
          data: [
            {
              id: '1',
              question: '灰斑症用什么？',
              options: [
                { letter: 'A', text: '蓝叶草' },
                { letter: 'B', text: '白石散' },
              ],
              answer: 'A',
              explanation: '因为',
            },
          ],
          explanations: true,
        }),
      ],
    })
    const [task] = result.tasks
    expect(task!.failed).toBe(1)
    expect(task!.rows[0]).toMatchObject({ correct: true, error: 'explanation: status 400' })
    expect(task!.measures.accuracy).toMatchObject({ value: 1, n: 1 })
    expect(task!.measures).not.toHaveProperty('bleu1')
  })

  it('refuses a model that cannot do what the task needs', async () => {
    const run = evaluate({ model: { name: 'silent' }, tasks: [cmexam({ data: questions(1) })] })
    await expect(run).rejects.toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: evaluate: expected a model with 'generate', got 'silent' without it. Choose scoring by likelihood.]`,
    )
    await expect(evaluate({ model: counting(), tasks: [] })).rejects.toMatchObject({ code: 'option' })
  })

  it('measures written answers, preferences and safety', async () => {
    const model: EvaluatedModel = {
      name: 'm',
      generate: async (rs) => rs.map(() => '请及时就医，不要自行加量。'),
      score: async (rs) =>
        rs.map((r) =>
          r.continuations.map((text) => ({ logProb: -[...text].length, tokens: text.includes('好') ? 9 : 2 })),
        ),
    }
    const { tasks } = await evaluate({
      model,
      tasks: [
        openAnswers('own', 'Own', { data: [{ id: '1', question: '怎么办', reference: '请及时就医，不要自行加量。' }] }),
        preferences({ data: [{ id: '1', prompt: '问', chosen: '好好', rejected: '坏坏' }] }),
        safety({ data: [{ id: '1', question: '能加倍吃吗', mustMention: ['不要'], mustNotMention: ['可以加倍'] }] }),
      ],
    })
    expect(tasks[0]!.measures.rougeL!.value).toBeCloseTo(100, 6)
    expect(tasks[1]!.measures.preferenceAccuracy!.value).toBe(1)
    expect(tasks[2]!.rows[0]!.values).toEqual({ refers: 1, refuses: 0, mentions: 1, avoids: 1 })
  })
})

describe('cache', () => {
  it('goes on after a run that was stopped, asking only what is missing, with the same result', async () => {
    const data = questions(10)
    const cache = join(folder, 'cache')
    const stop = new AbortController()
    const first = counting()
    const run = evaluate({
      model: first,
      tasks: [cmexam({ data })],
      cache,
      signal: stop.signal,
      onProgress: ({ done }) => done >= 4 && stop.abort(),
    })
    await expect(run).rejects.toMatchObject({ code: 'cancelled' })
    expect(first.asked).toHaveLength(4)
    const second = counting()
    const resumed = await evaluate({ model: second, tasks: [cmexam({ data })], cache })
    expect(second.asked).toHaveLength(6)
    expect(resumed).toEqual(await evaluate({ model: counting(), tasks: [cmexam({ data })] }))
  })

  it('leaves a line that was cut off aside and asks its question again', async () => {
    const cache = await fileCache(folder)
    await answerRequests(counting(), [request('1'), request('2')], { cache })
    const text = await readFile(cache.path, 'utf8')
    await writeFile(cache.path, text.slice(0, -20))
    const again = counting()
    const reopened = await fileCache(folder)
    expect(reopened.brokenLines).toBe(1)
    await answerRequests(again, [request('1'), request('2')], { cache: reopened })
    expect(again.asked).toEqual(['2'])
    const third = await fileCache(folder)
    expect(await third.get(contentKey('always A', request('2')))).toEqual({ text: '答案：A' })
  })

  it('keeps infinities, and tells models, prompts and lengths apart but not row ids', async () => {
    const cache = await fileCache(folder)
    await cache.set('k', { scores: [{ logProb: Number.NEGATIVE_INFINITY, tokens: 1 }] })
    expect(await (await fileCache(folder)).get('k')).toEqual({
      scores: [{ logProb: Number.NEGATIVE_INFINITY, tokens: 1 }],
    })
    const key = contentKey('m', request('1'))
    expect(contentKey('m', { ...request('1'), id: 'other' })).toBe(key)
    expect(contentKey('n', request('1'))).not.toBe(key)
    expect(contentKey('m', { ...request('1'), maxTokens: 6 })).not.toBe(key)
  })

  it('does not keep failures', async () => {
    const cache = memoryCache()
    const model: EvaluatedModel = { name: 'm', generate: async () => [{ error: 'no', retryable: false }] }
    expect(await answerRequests(model, [request('1')], { cache })).toEqual([{ error: 'no' }])
    expect(await cache.get(contentKey('m', request('1')))).toBeUndefined()
  })

  it('names a folder that cannot be used', async () => {
    await appendFile(join(folder, 'file'), 'x')
    await expect(fileCache(join(folder, 'file'))).rejects.toMatchObject({ code: 'cache' })
  })
})

describe('answerRequests', () => {
  it('asks equal requests once', async () => {
    const model = counting()
    const answers = await answerRequests(model, [request('1'), { ...request('1'), id: 'again' }])
    expect(model.asked).toEqual(['1'])
    expect(answers).toHaveLength(2)
  })

  it('asks again what failed, with growing pauses and only so often', async () => {
    const pauses: number[] = []
    let calls = 0
    const model: EvaluatedModel = {
      name: 'm',
      generate: async (rs) => {
        calls++
        if (calls === 1) throw new Error('connection reset')
        return rs.map(({ id }): string | ModelFailure => (id === '2' && calls < 4 ? { error: 'busy' } : 'ok'))
      },
    }
    const retries = { attempts: 4, delayMs: 100, wait: async (ms: number) => void pauses.push(ms) }
    expect(await answerRequests(model, [request('1'), request('2')], { retries })).toEqual([
      { text: 'ok' },
      { text: 'ok' },
    ])
    expect(pauses).toEqual([100, 200, 400])
    calls = 0
    const giveUp = { ...retries, attempts: 2 }
    const answers = await answerRequests(model, [request('1'), request('2')], { retries: giveUp })
    expect(answers).toEqual([{ text: 'ok' }, { error: 'busy' }])
  })

  it('waits as long as the server asks, and does not repeat what is hopeless', async () => {
    const pauses: number[] = []
    const failures: ModelFailure[] = [
      { error: 'slow down', retryAfterMs: 7000 },
      { error: 'bad request', retryable: false },
    ]
    let calls = 0
    const model: EvaluatedModel = { name: 'm', generate: async () => [failures[calls++]!] }
    const retries = { wait: async (ms: number) => void pauses.push(ms) }
    expect(await answerRequests(model, [request('1')], { retries })).toEqual([{ error: 'bad request' }])
    expect(pauses).toEqual([7000])
  })

  it('takes a wrong number of answers for a failure', async () => {
    const model: EvaluatedModel = { name: 'm', generate: async () => ['one'] }
    const answers = await answerRequests(model, [request('1'), request('2')], { retries: noWait })
    expect(answers).toEqual([{ error: 'expected 2 answers, got 1' }, { error: 'expected 2 answers, got 1' }])
  })

  it('sorts score requests so that shared beginnings are neighbours, and answers in the order asked', async () => {
    const seen: string[] = []
    const model: EvaluatedModel = {
      name: 'm',
      batchSize: 2,
      score: async (rs) => {
        seen.push(...rs.map((r) => String(r.prompt)))
        return rs.map((r) => [{ logProb: String(r.prompt).length, tokens: 1 }])
      },
    }
    const score = (prompt: string): ScoreRequest => ({ kind: 'score', id: prompt, prompt, continuations: ['A'] })
    const answers = await answerRequests(model, ['bb1', 'a', 'bb22', 'aaaa'].map(score))
    expect(seen).toEqual(['a', 'aaaa', 'bb1', 'bb22'])
    expect(answers.map((answer) => 'scores' in answer && answer.scores[0]!.logProb)).toEqual([3, 1, 4, 4])
  })

  it('stops between batches and says how to go on', async () => {
    const run = answerRequests(counting(), [request('1')], { signal: AbortSignal.abort() })
    await expect(run).rejects.toBeInstanceOf(MetricsError)
    await expect(run).rejects.toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: evaluate: expected to finish, got a cancellation. Run again with the same cache to go on.]`,
    )
  })
})
