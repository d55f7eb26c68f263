import { join } from 'node:path'
import {
  buildCorpora,
  decontaminate,
  dedup,
  type ExamItem,
  examItem,
  normalise,
  optionLines,
  readJsonl,
  sources,
  type TestSet,
  tests,
} from '@qilin-med/chimed'
import { sentenceSplitter } from '@qilin-med/rag'
import type { Domain, Exchange, TestData } from './domain'

/** Every twentieth question of the published CMExam validation split is held back as this program's test. */
const heldBack = (row: Readonly<Record<string, unknown>>): boolean => Number(row.row) % 20 === 0

/** Questions and texts of each test set; enough to see a model answer, too few to compare models. */
const testLimit = 50

/**
 * Real Chinese medical data in the layout described beside it: every file is read and converted, `rows` records of each
 * corpus are trained on, and CMExam and Huatuo-26M questions are asked.
 */
export const realDomain = async (folder: string, rows: number): Promise<Domain> => {
  const at = (path: string) => join(folder, path)
  const exam = await examQuestions(at('qa/cmexam_val.jsonl.gz'))
  const held: TestSet[] = [
    {
      name: 'CMExam (held back)',
      items: async function* () {
        for (const item of exam) yield { question: item.question, context: optionLines(item) }
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
    build: (out, tokenizer) =>
      buildCorpora({
        ...corpora(at),
        steps: [normalise(), dedup.exact(), decontaminate({ against: held })],
        tests: held,
        split: { validation: 0.01, seed: 1 },
        tokenizer,
        out,
      }),
    tests: () => testData(at, exam),
    knowledge: async () => {
      const documents = []
      for await (const { value, line } of readJsonl<{ 问: string; 答: string }>(at('text/medicalgpt_rag_corpus.jsonl')))
        documents.push({ id: `rag-${line}`, text: `${value.问}${value.答}`, source: 'MedicalGPT RAG corpus' })
      return documents
    },
    prompt: (question, context = []) =>
      `${context.length > 0 ? `资料：\n${context.join('\n')}\n` : ''}问题：${question}\n回答：`,
    examQuestion: (item) => `${item.question}\n${optionLines(item)}`,
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
      sources.zhongjingRlhf(at('preference/disc_medllm_ranked.jsonl.gz')),
      sources.medicalgptReward(at('preference/medicalgpt_medical_reward.jsonl')),
      sources.medicalgptReward(at('preference/medicalgpt_dpo_zh_500.jsonl.gz'), { name: 'MedicalGPT DPO (general)' }),
    ],
  }
}

const examQuestions = async (path: string): Promise<ExamItem[]> => {
  const items: ExamItem[] = []
  for await (const { value } of readJsonl<Record<string, unknown>>(path)) {
    const item = heldBack(value) ? examItem(value) : undefined
    if (item && !('drop' in item) && item.answer.length === 1) items.push(item)
  }
  return items
}

const testData = async (at: (path: string) => string, exam: readonly ExamItem[]): Promise<TestData> => {
  const dialogues: Exchange[] = []
  for await (const { value } of readJsonl<{ instruction: string[]; output: string[] }>(
    at('qa/huatuo26m_test.jsonl.gz'),
  )) {
    dialogues.push({ question: value.instruction[0]!, answer: value.output[0]! })
    if (dialogues.length === testLimit) break
  }
  const explained = exam.filter(({ explanation }) => explanation.length > 40)
  return {
    exams: { cmexam: exam },
    dialogues,
    texts: { cmexam: explained.slice(0, 20).map(({ explanation }) => explanation.slice(0, 150)) },
    preferences: dialogues.slice(0, 20).map(({ question, answer }, i) => ({
      prompt: question,
      chosen: answer.slice(0, 80),
      rejected: dialogues[(i + 7) % dialogues.length]!.answer.slice(0, 80),
    })),
  }
}
