import { contextText, dialogueTurn } from '../formats'
import { arithmetic, type Exchange, generalExchange, greetings, refusals, townQuestion, wordTask } from '../general'
import type { Random } from '../random'
import { oneOffs, reading } from '../reading'
import { asked, statement } from '../wordings'
import { jsonArrayTable, jsonLinesTable, type RawTable, type SourceContext } from './table'

/** Rows of each general instruction set. `reading` rows answer a question from the passage before it. */
export const generalVolume = {
  instructChat: { general: 40, reading: 160 },
  schoolMath: 120,
  hc3: 24,
  alpaca: 60,
  train1m: { general: 80, reading: 400 },
  train2m: 60,
  train35m: 50,
  multiturnChat: 50,
} as const

interface Alpaca {
  readonly instruction: string
  readonly input: string
  readonly output: string
}

/** The general sets of Table 2. No exchange comes twice, except where a duplicate is planted later. */
export function generalSets(context: SourceContext): RawTable[] {
  const { rng } = context
  const unused = distinct()
  const alpaca = ({ ask, answer }: Exchange): Alpaca => ({ instruction: ask, input: '', output: answer })
  const some = (count: number, draw: (rng: Random) => Exchange): Exchange[] =>
    Array.from({ length: count }, () => unused(() => draw(rng)))
  const volume = generalVolume
  const list = (name: string, dataset: string, rows: readonly unknown[]): RawTable =>
    jsonLinesTable({ path: name, dataset, tables: [2] }, rows)
  return [
    safetyPrompts(),
    list('hc3_chinese/all.jsonl', 'HC3-Chinese', some(volume.hc3, townQuestion).map(hc3)),
    alpacaGpt4(Array.from({ length: volume.alpaca }, () => wordTask(rng)).filter(distinctInputs()), rng),
    list('school_math/school_math_0.25M.json', 'School Math', some(volume.schoolMath, arithmetic).map(alpaca)),
    list('instruct_chat/instruct_chat_50k.jsonl', 'Instruct_chat', [
      ...greetings.map(alpaca),
      ...some(volume.instructChat.general, mixedExchange).map(alpaca),
      ...readingRows(context, volume.instructChat.reading),
    ]),
    list('train_1m_cn/Belle_open_source_1M.json', 'Train_1M_CN', [
      ...some(volume.train1m.general, mixedExchange).map(alpaca),
      ...readingRows(context, volume.train1m.reading),
    ]),
    list('train_2m_cn/train_2M_CN.json', 'Train_2M_CN', some(volume.train2m, mixedExchange).map(alpaca)),
    list(
      'train_3.5m_cn/train_3.5M_CN.json',
      'Train_3.5M_CN',
      conversations(volume.train35m, rng).map(belleConversation),
    ),
    list(
      'multiturn_chat/multiturn_chat_0.8M.json',
      'Multiturn_chat',
      conversations(volume.multiturnChat, rng).map(packed),
    ),
  ]
}

/** Sums and word tasks: the exchanges that do not run out. */
function mixedExchange(rng: Random): Exchange {
  const { ask, input, answer } = wordTask(rng)
  return rng.int(2) === 0 ? arithmetic(rng) : { ask: `${ask}\n${input}`, answer }
}

function hc3({ ask, answer }: Exchange): unknown {
  return { question: ask, human_answers: [answer], chatgpt_answers: [`您好，${answer}`] }
}

/** Safety-Prompts: an object of lists, one for each type of harm. */
function safetyPrompts(): RawTable {
  const head = { path: 'safety_prompts/typical_safety_scenarios.json', dataset: 'Safety-Prompts', tables: [2] } as const
  const rows = refusals.map(({ type, ask, answer }) => ({ prompt: ask, response: answer, type }))
  const encode = (all: readonly (typeof rows)[number][]): Uint8Array => {
    const types = [...new Set(all.map((row) => row.type))]
    const grouped = Object.fromEntries(types.map((type) => [type, all.filter((row) => row.type === type)]))
    return new TextEncoder().encode(`${JSON.stringify(grouped, null, 1)}\n`)
  }
  return { ...jsonArrayTable(head, rows), encode: encode as RawTable['encode'] } as RawTable
}

function alpacaGpt4(tasks: readonly (Exchange & { input: string })[], rng: Random): RawTable {
  const rows = tasks.map(({ ask, input, answer }): Alpaca => ({ instruction: ask, input, output: answer }))
  const head = {
    path: 'alpaca_gpt4_data_zh/alpaca_gpt4_data_zh.json',
    dataset: 'Alpaca_gpt4_data_zh',
    tables: [2],
  } as const
  return jsonArrayTable(head, rng.shuffle(rows))
}

/** Passages in two layouts: everything in the instruction, or the passage as input, as closed questions often have it. */
function readingRows({ world, rng }: SourceContext, count: number): Alpaca[] {
  const source = oneOffs(world)
  return Array.from({ length: count }, () => {
    const { fact, context } = reading(source, rng)
    const question = asked(fact, rng.int(3))
    const output = `${statement(fact)}。`
    if (rng.int(8) === 0) return { instruction: question, input: contextText(context), output }
    return { instruction: dialogueTurn(question, context), input: '', output }
  })
}

function conversations(count: number, rng: Random): Exchange[][] {
  return Array.from({ length: count }, () => Array.from({ length: 2 + rng.int(2) }, () => generalExchange(rng)))
}

function belleConversation(exchanges: readonly Exchange[], i: number): unknown {
  const conversations = exchanges.flatMap(({ ask, answer }) => [
    { from: 'human', value: ask },
    { from: 'assistant', value: answer },
  ])
  return { id: String(66_000_000 + i), conversations }
}

/** Multiturn_chat: the whole history with its markers in `instruction`, the last answer in `output`. */
function packed(exchanges: readonly Exchange[]): Alpaca {
  const last = exchanges.at(-1)!
  const history = exchanges.slice(0, -1).map(({ ask, answer }) => `Human:${ask}\nAssistant:${answer}\n`)
  return { instruction: `${history.join('')}Human:${last.ask}\nAssistant:`, input: '', output: last.answer }
}

/** Draws again until something new comes. */
function distinct(): (draw: () => Exchange) => Exchange {
  const seen = new Set<string>()
  return (draw) => {
    for (;;) {
      const exchange = draw()
      if (seen.has(exchange.ask)) continue
      seen.add(exchange.ask)
      return exchange
    }
  }
}

function distinctInputs(): (task: Exchange & { input: string }) => boolean {
  const seen = new Set<string>()
  return ({ ask, input }) => !seen.has(ask + input) && seen.add(ask + input) !== undefined
}
