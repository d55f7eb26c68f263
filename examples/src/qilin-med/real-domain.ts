import { createHash } from 'node:crypto'
import { join } from 'node:path'
import {
  buildCorpora,
  decontaminate,
  dedup,
  type ExamItem,
  examItem,
  normalise,
  optionLines,
  type PreferencePair,
  readJsonl,
  readLines,
  sources,
  tests,
} from '@qilin-med/chimed'
import { sentenceSplitter } from '@qilin-med/rag'
import { chimedSmall } from '../chimed-real/corpora'
import type { Domain, Exchange, TestData } from './domain'

/** One in `parts` of the rows of a file, chosen by their content, is held back to be asked. */
const heldBack =
  (parts: number) =>
  (row: Readonly<Record<string, unknown>>): boolean =>
    createHash('sha256').update(JSON.stringify(row)).digest().readUInt32LE() % parts === 0

const heldQuestion = heldBack(20)
const heldExchange = heldBack(20)
const heldPreference = heldBack(3)

/** Characters of each held-back answer that are scored. */
const answerLength = 80

/** Questions and texts of each test set; enough to see a model answer, too few to compare models. */
const testLimit = 50

/**
 * Real Chinese medical data in the layout described beside it: every file is read and converted, `rows` records of each
 * corpus are trained on, and CMExam and Huatuo-26M questions are asked.
 */
export const realDomain = async (folder: string, rows: number): Promise<Domain> => {
  const at = (path: string) => join(folder, path)
  const exam = await examQuestions(at('qa/cmexam_val.jsonl.gz'))
  const dialogues = await heldExchanges(at('qa/huatuo26m_test.jsonl.gz'))
  const preferences = await heldPreferences(at)
  const corpora = chimedSmall(folder, {
    exam: (row) => !heldQuestion(row),
    huatuo: (row) => !heldExchange(row),
    preference: (row) => !heldPreference(row),
  })
  const held = [
    tests.items(
      exam.items.map((item) => ({ question: item.question, context: optionLines(item) })),
      { name: 'CMExam (held back)' },
    ),
    tests.items(
      dialogues.map(({ question, answer }) => ({ question, context: answer })),
      { name: 'Huatuo-26M (held back)' },
    ),
    tests.items(
      preferences.map(({ prompt, chosen }) => ({ question: prompt, context: chosen })),
      { name: 'preferences (held back)' },
    ),
    tests.cmexam(at('qa/cmexam_test_10.csv')),
    tests.ceval(at('eval/ceval')),
    tests.cmmlu(at('eval/cmmlu')),
  ]
  const steps = (passes: number) => passes * Math.max(1, Math.ceil(rows / 4))
  return {
    name: 'real Chinese medical data',
    notice: 'Research data under the licences of its sources; nothing of it is part of this software.',
    corpora,
    build: (options) =>
      buildCorpora({
        ...corpora,
        ...options,
        steps: [normalise(), dedup.exact(), decontaminate({ against: held })],
        tests: held,
        split: { validation: 0.01, seed: 1 },
      }),
    tests: () => testData({ exam, dialogues, preferences, terms: dictionary(at('kg/xywy_dict')) }),
    knowledge: async () => {
      const documents = []
      for await (const { value, line } of readJsonl<{ 问: string; 答: string }>(at('text/medicalgpt_rag_corpus.jsonl')))
        documents.push({ id: `rag-${line}`, text: `${value.问}${value.答}`, source: 'MedicalGPT RAG corpus' })
      return documents
    },
    prompt: (question, context = []) =>
      `${context.length > 0 ? `资料：\n${context.join('\n')}\n` : ''}问题：${question}\n回答：`,
    examQuestion: (item) => `${item.question}\n${optionLines(item)}`,
    examGroup: ({ question }) => question,
    answerStem: () => '',
    explanationIn: (answer) => answer,
    examQuery: ({ question }) => question,
    rowLength: 256,
    answerTokens: 24,
    adapter: { rank: 8, alpha: 32 },
    cpt: { steps: steps(1), rows: 4, rate: 2e-4 },
    sft: { steps: steps(2), rows: 4, rate: 2e-4 },
    dpo: { steps: steps(1), rows: 1, accumulate: 4, rate: 5e-5 }, // a pair is as long as two rows and keeps both in memory
    recordsPerStage: rows,
    scoreTokens: 256,
    generationRows: 32,
    generationTokens: 6144,
    testLimit,
    retrieval: { hits: 5, splitter: sentenceSplitter({ tokens: 60 }) },
  }
}

/** The pairs held back, cut to lengths that a small machine scores in seconds. */
const heldPreferences = async (at: (path: string) => string): Promise<PreferencePair[]> => {
  const pairs: PreferencePair[] = []
  const held = { where: heldPreference }
  for (const source of [
    sources.zhongjingRlhf(at('preference/disc_medllm_ranked.jsonl.gz'), held),
    sources.medicalgptReward(at('preference/medicalgpt_medical_reward.jsonl'), held),
  ])
    for await (const { prompt, chosen, rejected } of source.read({ onFault: () => {} }))
      pairs.push({ prompt, chosen: chosen.slice(0, answerLength), rejected: rejected.slice(0, answerLength) })
  return pairs
}

/** The questions held back that have one right answer, and what was held back without being asked. */
const examQuestions = async (path: string): Promise<{ items: ExamItem[]; leftOut: string[] }> => {
  const items: ExamItem[] = []
  let [unlabelled, multiple] = [0, 0]
  for await (const { value } of readJsonl<Record<string, unknown>>(path)) {
    if (!heldQuestion(value)) continue
    const item = examItem(value)
    if ('drop' in item) unlabelled++
    else if (item.answer.length > 1) multiple++
    else items.push(item)
  }
  return {
    items,
    leftOut: [`${multiple} exam questions with several right answers`, `${unlabelled} without an answer`],
  }
}

/** Entities of the Xywy knowledge graph, without the words of denial that lie beside them. */
const dictionary = async (folder: string): Promise<string[]> => {
  const words = async (name: string) => {
    const lines: string[] = []
    for await (const { value } of readLines(join(folder, `${name}.txt.gz`))) lines.push(value.trim())
    return lines
  }
  const denials = new Set(await words('deny'))
  const kinds = ['disease', 'symptom', 'check', 'drug', 'producer', 'food', 'department']
  const entities = (await Promise.all(kinds.map(words))).flat()
  return [...new Set(entities)].filter((word) => word.length > 1 && !denials.has(word))
}

const heldExchanges = async (path: string): Promise<Exchange[]> => {
  const exchanges: Exchange[] = []
  for await (const { value } of readJsonl<{ instruction: [string]; output: [string] }>(path))
    if (heldExchange(value)) exchanges.push({ question: value.instruction[0], answer: value.output[0] })
  return exchanges
}

interface Held {
  readonly exam: Awaited<ReturnType<typeof examQuestions>>
  readonly dialogues: readonly Exchange[]
  readonly preferences: readonly PreferencePair[]
  readonly terms: Promise<string[]>
}

const testData = async ({ exam, dialogues, preferences, terms }: Held): Promise<TestData> => {
  const explained = exam.items.filter(({ explanation }) => explanation.length > 40)
  return {
    exams: { cmexam: exam.items },
    dialogues,
    texts: { cmexam: explained.slice(0, 20).map(({ explanation }) => explanation.slice(0, 150)) },
    preferences,
    terms: await terms,
    leftOut: exam.leftOut,
  }
}
