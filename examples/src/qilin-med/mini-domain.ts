import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type BuildOptions,
  buildCorpora,
  type ChimedRecord,
  type Conversation,
  type CptText,
  decontaminate,
  dedup,
  defineSource,
  type ExamItem,
  examItem,
  normalise,
  type PreferencePair,
  readRows,
  type Source,
  sources,
  tests,
  textOf,
} from '@qilin-med/chimed'
import type { Splitter } from '@qilin-med/rag'
import { dialogueTurn, examAnswer, examTurn, letters, prompt, questionParts } from '../world/formats'
import { pools } from '../world/lexicon'
import { worldSeed } from '../world/make-world'
import { buildWorld } from '../world/world'
import type { Domain, Exchange, TestData } from './domain'

/** The embedded raw files. */
export const miniChimedFolder = fileURLToPath(new URL('../../data/mini-chimed', import.meta.url))

/** True for a folder in the layout of the embedded data, such as an edited copy of it. */
export const isMiniChimed = (folder: string): boolean => existsSync(join(folder, 'eval', 'exam-b.csv'))

/** Variations for the comparisons in docs/results.md: each leaves out one thing that makes the recipe work. */
export type Ablation = 'none' | 'no-replay' | 'one-wording' | 'no-cpt'

/** The embedded invented world: Tables 1 to 3 in small, with tests whose answers were never asked in training. */
export const miniDomain = (folder = miniChimedFolder, ablation: Ablation = 'none'): Domain => {
  const at = (path: string) => join(folder, path)
  const { steps, tests: held, ...raw } = corpora(at, ablation)
  return {
    name: 'mini-ChiMed',
    notice: 'Every disease, text and answer here is invented by a program. 全部内容虚构，不可用于诊疗。',
    corpora: raw,
    build: (options) => buildCorpora({ ...raw, ...options, steps, tests: held, split: { validation: 0.01, seed: 1 } }),
    tests: () => readTests(at),
    knowledge: async () => knowledgeBase(at('knowledge_base/knowledge.jsonl')),
    prompt: (question, context) => prompt(dialogueTurn(question, context)),
    examQuestion: ({ question, options }) => {
      const parts = questionParts(question)
      return examTurn({ question: parts.question, options: options.map(({ text }) => text) }, undefined)
    },
    examGroup: ({ explanation }) => explanation, // the fact
    answerStem: (item) => item.explanation.slice(0, Math.max(0, item.explanation.indexOf(rightText(item)))),
    explanationIn: (answer) => answer.replace(/，选[A-E]。$/, '。'),
    examQuery: ({ question }) => question,
    rowLength: 256,
    answerTokens: 24,
    adapter: { rank: 32, alpha: 64 },
    cpt: { steps: ablation === 'no-cpt' ? 0 : 300, rows: 8, rate: 3e-3 },
    sft: { steps: 200, rows: 40, rate: 1e-3 },
    dpo: { steps: 60, rows: 16, rate: 1e-4 },
    scoreTokens: 4096,
    generationRows: 64,
    retrieval: { hits: 5, splitter: statements },
  }
}

/**
 * Single statements: a bare question matches a question best and tells nothing, so it is no passage; neither is a label
 * such as `答：` part of one.
 */
const statements: Splitter = (text) =>
  [...text.matchAll(/[^。？！：\n]{6,}。/g)].map(({ 0: sentence, index }) => ({
    text: sentence,
    start: index,
    end: index + sentence.length,
  }))

const rightText = ({ options, answer }: ExamItem): string => options.find(({ letter }) => letter === answer)?.text ?? ''

/**
 * The source without what repeats the base model's own pre-training: facts it was trained on, and passages to read an
 * answer from. What is left tells of added diseases only.
 */
const withoutReplay = <T extends ChimedRecord>(source: Source<T>): Source<T> => {
  const known = buildWorld({ seed: worldSeed }).known.map(({ name }) => name)
  const repeats = (text: string) => text.includes('资料：') || known.some((name) => text.includes(name))
  return {
    ...source,
    read: async function* (options) {
      for await (const record of source.read(options)) if (!repeats(textOf(record))) yield record
    },
  }
}

const corpora = (at: (path: string) => string, ablation: Ablation) => {
  const dialogues = () => [
    sources.chineseMedicalDialogue(at('chinese_medical_dialogue_data')),
    sources.medicalDialogueSystem(at('medical_dialogue_system')),
    sources.cmd(at('cmd')),
  ]
  const texts = [
    sources.huatuoEncyclopedia(at('huatuo_encyclopedia_qa')),
    sources.huatuoKnowledge(at('huatuo_knowledge_graph_qa')),
    sources.cmexam(at('cmexam/train.csv')),
    // Paragraph by paragraph where only some diseases stay, whole chapters otherwise.
    sources.medqaTextbooks(at('medqa_textbooks'), ablation === 'no-replay' ? { gather: 0 } : {}),
    sources.cpubmedKg(at('cpubmed_kg')),
    sources.xywyKg(at('xywy_kg')),
    sources.health39Kg(at('39health_kg')),
  ]
  const general = [
    sources.instructChat(at('instruct_chat')),
    sources.schoolMath(at('school_math')),
    sources.hc3Chinese(at('hc3_chinese')),
    sources.alpacaGpt4Zh(at('alpaca_gpt4_data_zh')),
    sources.safetyPrompts(at('safety_prompts')),
    sources.train1mCn(at('train_1m_cn')),
    sources.train2mCn(at('train_2m_cn')),
    sources.train35mCn(at('train_3.5m_cn')),
    sources.multiturnChat(at('multiturn_chat')),
  ]
  const held = ['exam-b', 'exam-c', 'exam-v', 'exam-w'].map((name) => tests.cmexam(at(`eval/${name}.csv`), { name }))
  const kept = <T extends ChimedRecord>(list: readonly Source<T>[]) =>
    ablation === 'no-replay' ? list.map(withoutReplay) : list
  return {
    cpt: kept<CptText | Conversation>(
      ablation === 'one-wording'
        ? [sources.huatuoKnowledge(at('huatuo_knowledge_graph_qa'))]
        : [...texts, ...dialogues()],
    ),
    sft: kept([...general, examExplanations(at('cmexam_explanation')), ...dialogues()]),
    dpo: kept([sources.zhongjingRlhf(at('zhongjing_rlhf')), sources.medicalgptReward(at('medicalgpt_reward'))]),
    steps: [normalise(), dedup.exact(), dedup.minhash({ threshold: 0.9 }), decontaminate({ against: held })],
    tests: held,
  } satisfies BuildOptions
}

/** CMExam-explanation in the wording of the embedded model: the statement first, the letter last. */
const examExplanations = (path: string): Source<Conversation> =>
  defineSource<Record<string, unknown>, Conversation>({
    name: 'CMExam-explanation',
    path,
    pattern: /\.csv$/,
    rows: (file, options) => readRows<Record<string, unknown>>(file, options),
    convert: ({ value }) => {
      const item = examItem(value)
      if ('drop' in item) return item
      if (item.explanation === '') return { drop: 'missing-explanation', reason: 'no explanation' }
      const { context, question } = questionParts(item.question)
      const turn = examTurn({ question, options: item.options.map(({ text }) => text) }, context)
      const answer = examAnswer({ explanation: item.explanation, answer: letters.indexOf(item.answer as 'A') })
      return {
        record: {
          messages: [
            { role: 'user', content: turn },
            { role: 'assistant', content: answer },
          ],
        },
      }
    },
  })

const lines = (path: string): string[] => readFileSync(path, 'utf8').trim().split('\n')
const records = <T>(path: string): T[] => lines(path).map((line) => JSON.parse(line) as T)

/** A test is whole or it is none: a question that cannot be asked ends the run. */
const exam = async (path: string): Promise<ExamItem[]> => {
  const items: ExamItem[] = []
  for await (const { value, line } of readRows<Record<string, unknown>>(path)) {
    const item = examItem(value)
    if ('drop' in item)
      throw new Error(`${path}:${line}: expected a question with its answer, got ${item.reason}. Mend the row.`)
    items.push(item)
  }
  return items
}

const readTests = async (at: (path: string) => string): Promise<TestData> => ({
  exams: {
    b: await exam(at('eval/exam-b.csv')),
    c: await exam(at('eval/exam-c.csv')),
    v: await exam(at('eval/exam-v.csv')),
    w: await exam(at('eval/exam-w.csv')),
  },
  dialogues: records<{ instruction: string[]; output: string[] }>(at('eval/dialogue-b.jsonl')).map(
    ({ instruction, output }): Exchange => ({ question: instruction[0]!, answer: output[0]! }),
  ),
  texts: {
    b: lines(at('eval/text-b-told.txt')),
    bHeldout: lines(at('eval/text-b-heldout.txt')),
    p: lines(at('eval/text-p-told.txt')),
    general: lines(at('eval/text-general.txt')),
  },
  preferences: records<{ question: string; response_chosen: string; response_rejected: string }>(
    at('eval/preference-b.jsonl'),
  ).map(
    ({ question, response_chosen, response_rejected }): PreferencePair => ({
      prompt: question,
      chosen: response_chosen,
      rejected: response_rejected,
    }),
  ),
  terms: Object.values(pools).flat(),
  leftOut: [],
})

const knowledgeBase = (path: string) =>
  records<{ id: string; title: string; text: string }>(path).map(({ id, title, text }) => ({
    id,
    text,
    source: `knowledge base: ${title}`,
  }))
