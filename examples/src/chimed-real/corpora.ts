import { readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import {
  examItem,
  fingerprint,
  optionLines,
  readJsonl,
  type SourceLicence,
  sources,
  type TestItem,
  type TestSet,
  tests,
} from '@qilin-med/chimed'

type Fields = Readonly<Record<string, unknown>>

/** About a tenth of the two published evaluation files, by a hash of the question, is held back as a test set; the rest stands in for training data. */
const heldBack = (question: unknown): boolean => fingerprint(textOf(question)).charCodeAt(0) % 10 === 0

const textOf = (field: unknown): string => String(Array.isArray(field) ? field[0] : field)

/** Which rows of the files that are also tests may be trained on. */
export interface Selection {
  readonly exam: (row: Fields) => boolean
  readonly huatuo: (row: Fields) => boolean
  readonly preference: (row: Fields) => boolean
}

const usual: Selection = {
  exam: (row) => !heldBack(row.Question),
  huatuo: (row) => !heldBack(row.instruction),
  preference: () => true,
}

/**
 * The files of the data folder by the sub-dataset of Tables 1 to 3 that each stands for. CPubMed-KG and HC3-Chinese have no stand-in there; word
 * lists and models are no text to train on.
 */
export const chimedSmall = (folder: string, select = usual) => {
  const at = (path: string): string => join(folder, path)
  const exam = { where: select.exam }
  const preference = { where: select.preference }
  const dialogues = () => [
    sources.chineseMedicalDialogue(at('dialogue/toyhom_im_sample.gb18030.csv.gz')),
    sources.medicalDialogueSystem(at('dialogue/covid_dialogue_zh.txt.gz')),
    sources.cmd(at('dialogue/cmtmedqa_test.jsonl.gz'), { where: (row) => !('instruct' in row) }),
    sources.conversations(at('dialogue/bentsao_liver_cancer.jsonl.gz'), { name: 'BenTsao liver cancer' }),
    sources.conversations(at('dialogue/medicalgpt_medical_sft_1k.jsonl.gz'), { name: 'MedicalGPT SFT' }),
  ]
  return {
    cpt: [
      sources.huatuoEncyclopedia(at('qa/huatuo26m_test.jsonl.gz'), { where: select.huatuo }),
      sources.huatuoKnowledge(at('qa/bentsao_kg_qa.jsonl.gz')),
      sources.cmexam(at('qa/cmexam_val.jsonl.gz'), exam),
      sources.medqaTextbooks(at('text/infectious_disease_textbook.txt.gz')),
      sources.medqaTextbooks(at('text/tcm_books')),
      sources.xywyKg(at('kg/xywy_medical_sample.jsonl')),
      sources.xywyKg(at('kg/xywy_medical_data_sample.csv')),
      sources.health39Kg(at('kg/39health_disease.gb18030.csv.gz')),
      sources.conversations(at('text/medicalgpt_rag_corpus.jsonl'), { name: 'MedicalGPT RAG corpus' }),
      ...dialogues(),
    ],
    sft: [
      sources.instructChat(at('general/alpaca_chinese_4k.jsonl.gz')),
      sources.schoolMath(at('general/belle_eval_set.jsonl.gz'), { where: (row) => row.class === 'math' }),
      sources.alpacaGpt4Zh(at('general/alpaca_zh_demo.jsonl.gz')),
      sources.safetyPrompts(at('dialogue/cmtmedqa_test.jsonl.gz'), { where: (row) => 'instruct' in row }),
      sources.train1mCn(at('general/belle_open_source_1k.jsonl.gz')),
      sources.train2mCn(at('general/belle_eval_set.jsonl.gz'), { where: (row) => row.class !== 'math' }),
      sources.train35mCn(at('general/sharegpt_zh_1k.jsonl.gz')),
      sources.multiturnChat(at('general/oaast_sft_zh.jsonl.gz')),
      sources.cmexamExplanation(at('qa/cmexam_val.jsonl.gz'), exam),
      ...dialogues(),
    ],
    dpo: [
      sources.zhongjingRlhf(at('preference/disc_medllm_ranked.jsonl.gz'), preference),
      sources.medicalgptReward(at('preference/medicalgpt_medical_reward.jsonl'), preference),
      sources.medicalgptReward(at('preference/medicalgpt_dpo_zh_500.jsonl.gz'), { name: 'MedicalGPT DPO (general)' }),
    ],
  }
}

/** The test sets: what was held back, and the published ones. */
export const testSets = async (folder: string): Promise<TestSet[]> => {
  const at = (path: string): string => join(folder, path)
  return [
    tests.items(await heldItems(at('qa/cmexam_val.jsonl.gz'), 'Question', examQuestion), {
      name: 'CMExam (held back)',
    }),
    tests.items(await heldItems(at('qa/huatuo26m_test.jsonl.gz'), 'instruction', questionAndAnswer), {
      name: 'Huatuo-26M (held back)',
    }),
    tests.cmexam(at('qa/cmexam_test_10.csv'), { name: 'CMExam test (sample)' }),
    tests.ceval(at('eval/ceval')),
    tests.cmmlu(at('eval/cmmlu')),
  ]
}

const heldItems = async (
  path: string,
  question: string,
  read: (row: Fields) => TestItem | undefined,
): Promise<TestItem[]> => {
  const held: TestItem[] = []
  for await (const { value } of readJsonl<Fields>(path)) {
    const item = heldBack(value[question]) ? read(value) : undefined
    if (item) held.push(item)
  }
  return held
}

const examQuestion = (row: Fields): TestItem | undefined => {
  const item = examItem(row)
  return 'drop' in item ? undefined : { question: item.question, context: optionLines(item).replace(/^[A-Z] /gm, '') }
}

const questionAndAnswer = ({ instruction, output }: Fields): TestItem => ({
  question: textOf(instruction),
  context: textOf(output),
})

/** The licence of each source, from the manifest beside the data; a source of several files has those of all. */
export const licencesOf = (folder: string, corpora: ReturnType<typeof chimedSmall>): SourceLicence[] => {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as ManifestFile[]
  const byPath = new Map(manifest.map((file) => [file.path, file]))
  const found = new Map<string, ManifestFile[]>()
  for (const { name, files } of [...corpora.cpt, ...corpora.sft, ...corpora.dpo]) {
    const entries = files().flatMap((file) => byPath.get(relative(folder, file).split(sep).join('/')) ?? [])
    found.set(name, [...(found.get(name) ?? []), ...entries])
  }
  return [...found].map(([source, entries]) => ({
    source,
    licence: [...new Set(entries.map(({ licence }) => licence))].join('; '),
    url: entries[0] && `https://github.com/${entries[0].source}`,
  }))
}

interface ManifestFile {
  readonly path: string
  readonly source: string
  readonly licence: string
}
