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
  type SourceOptions,
  sources,
  type TestSet,
  tests,
} from '@qilin-med/chimed'
import { sentenceSplitter } from '@qilin-med/rag'
import type { Domain, Exchange, TestData } from './domain'

/** Every twentieth question of the published CMExam validation split is held back as this program's test. */
const heldBack = (row: Readonly<Record<string, unknown>>): boolean => Number(row.row) % 20 === 0

/** Every third medical preference row, chosen by its content, is held back to be asked. */
const heldPreference = (row: Readonly<Record<string, unknown>>): boolean =>
  createHash('sha256').update(JSON.stringify(row)).digest().readUInt32LE() % 3 === 0

/** Characters of each held-back answer that are scored. */
const answerLength = 120

/** Questions and texts of each test set; enough to see a model answer, too few to compare models. */
const testLimit = 50

/**
 * Real Chinese medical data in the layout described beside it: every file is read and converted, `rows` records of each
 * corpus are trained on, and CMExam and Huatuo-26M questions are asked.
 */
export const realDomain = async (folder: string, rows: number): Promise<Domain> => {
  const at = (path: string) => join(folder, path)
  const exam = await examQuestions(at('qa/cmexam_val.jsonl.gz'))
  const preferences = await heldPreferences(at)
  const held: TestSet[] = [
    {
      name: 'CMExam (held back)',
      items: async function* () {
        for (const item of exam.items) yield { question: item.question, context: optionLines(item) }
      },
    },
    {
      name: 'preferences (held back)',
      items: async function* () {
        for (const { prompt } of preferences) yield { question: prompt, context: '' }
      },
    },
    tests.cmexam(at('qa/cmexam_test_10.csv')),
    tests.huatuo26m(at('qa/huatuo26m_test.jsonl.gz')),
    tests.ceval(at('eval/ceval')),
    tests.cmmlu(at('eval/cmmlu')),
  ]
  const steps = (perStep: number) => Math.max(1, Math.ceil(rows / perStep))
  return {
    name: 'real Chinese medical data',
    notice: 'Research data under the licences of its sources; nothing of it is part of this software.',
    build: (options) =>
      buildCorpora({
        ...corpora(at),
        ...options,
        steps: [normalise(), dedup.exact(), decontaminate({ against: held })],
        tests: held,
        split: { validation: 0.01, seed: 1 },
      }),
    tests: () => testData(at, exam, preferences),
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
    cpt: { steps: steps(4), rows: 4, rate: 2e-4 },
    sft: { steps: steps(4), rows: 4, rate: 2e-4 },
    dpo: { steps: steps(4), rows: 1, accumulate: 4, rate: 2e-5 }, // a pair is as long as two rows and keeps both in memory
    recordsPerStage: rows,
    scoreTokens: 256,
    generationRows: 16,
    testLimit,
    retrieval: { hits: 5, splitter: sentenceSplitter({ tokens: 60 }) },
  }
}

const corpora = (at: (path: string) => string) => {
  const where = (row: Readonly<Record<string, unknown>>) => !heldBack(row)
  const dialogues = () => [
    sources.chineseMedicalDialogue(at('dialogue/toyhom_im_sample.gb18030.csv.gz')),
    sources.medicalDialogueSystem(at('dialogue/covid_dialogue_zh.txt.gz')),
    sources.cmd(at('dialogue/cmtmedqa_test.jsonl.gz')),
    sources.conversations(at('dialogue/bentsao_liver_cancer.jsonl.gz'), { name: 'BenTsao liver cancer' }),
    sources.conversations(at('dialogue/medicalgpt_medical_sft_1k.jsonl.gz'), { name: 'MedicalGPT SFT' }),
  ]
  return {
    cpt: [
      sources.huatuoKnowledge(at('qa/bentsao_kg_qa.jsonl.gz')),
      sources.cmexam(at('qa/cmexam_val.jsonl.gz'), { where }),
      sources.medqaTextbooks(at('text/infectious_disease_textbook.txt.gz')),
      sources.medqaTextbooks(at('text/tcm_books'), { name: 'TCM books' }),
      sources.xywyKg(at('kg/xywy_medical_sample.jsonl')),
      sources.xywyKg(at('kg/xywy_medical_data_sample.csv'), { name: 'Xywy-KG (table)' }),
      sources.health39Kg(at('kg/39health_disease.gb18030.csv.gz')),
      ...dialogues(),
    ],
    sft: [
      sources.instructChat(at('general/alpaca_chinese_4k.jsonl.gz')),
      sources.alpacaGpt4Zh(at('general/alpaca_zh_demo.jsonl.gz')),
      sources.train1mCn(at('general/belle_open_source_1k.jsonl.gz')),
      sources.train2mCn(at('general/belle_eval_set.jsonl.gz')),
      sources.train35mCn(at('general/oaast_sft_zh.jsonl.gz')),
      sources.multiturnChat(at('general/sharegpt_zh_1k.jsonl.gz')),
      sources.cmexamExplanation(at('qa/cmexam_val.jsonl.gz'), { where }),
      ...dialogues(),
    ],
    dpo: [
      ...medicalPreferences(at, { where: (row) => !heldPreference(row) }),
      sources.medicalgptReward(at('preference/medicalgpt_dpo_zh_500.jsonl.gz'), { name: 'MedicalGPT DPO (general)' }),
    ],
  }
}

const medicalPreferences = (at: (path: string) => string, options: SourceOptions) => [
  sources.zhongjingRlhf(at('preference/disc_medllm_ranked.jsonl.gz'), options),
  sources.medicalgptReward(at('preference/medicalgpt_medical_reward.jsonl'), options),
]

/** The pairs held back, cut to lengths that a small machine scores in seconds. */
const heldPreferences = async (at: (path: string) => string): Promise<PreferencePair[]> => {
  const pairs: PreferencePair[] = []
  for (const source of medicalPreferences(at, { where: heldPreference }))
    for await (const { prompt, chosen, rejected } of source.read({ onFault: () => {} }))
      pairs.push({ prompt, chosen: chosen.slice(0, answerLength), rejected: rejected.slice(0, answerLength) })
  return pairs
}

/** The questions held back that have one right answer, and what was held back without being asked. */
const examQuestions = async (path: string): Promise<{ items: ExamItem[]; leftOut: string[] }> => {
  const items: ExamItem[] = []
  let [unlabelled, multiple] = [0, 0]
  for await (const { value } of readJsonl<Record<string, unknown>>(path)) {
    if (!heldBack(value)) continue
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

const testData = async (
  at: (path: string) => string,
  exam: Awaited<ReturnType<typeof examQuestions>>,
  preferences: readonly PreferencePair[],
): Promise<TestData> => {
  const dialogues: Exchange[] = []
  for await (const { value } of readJsonl<{ instruction: string[]; output: string[] }>(
    at('qa/huatuo26m_test.jsonl.gz'),
  )) {
    dialogues.push({ question: value.instruction[0]!, answer: value.output[0]! })
    if (dialogues.length === testLimit) break
  }
  const explained = exam.items.filter(({ explanation }) => explanation.length > 40)
  return {
    exams: { cmexam: exam.items },
    dialogues,
    texts: { cmexam: explained.slice(0, 20).map(({ explanation }) => explanation.slice(0, 150)) },
    preferences,
    terms: await dictionary(at('kg/xywy_dict')),
    leftOut: exam.leftOut,
  }
}
