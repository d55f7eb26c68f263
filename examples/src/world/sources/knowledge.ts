import type { Attribute } from '../lexicon'
import { relations } from '../relations'
import { paragraph } from '../texts'
import { asked, type Fact, statement, told } from '../wordings'
import type { Disease } from '../world'
import { csvGbTable, jsonLinesTable, type RawTable, type SourceContext, textTable } from './table'

/** How often the encyclopedic sources come back to a disease. */
export const knowledgeVolume = {
  /** Encyclopedia articles on each added disease, and on each known one. */
  articles: 20,
  knownArticles: 1,
  /** Textbook paragraphs on each added disease, and on each known one. */
  paragraphs: 26,
  knownParagraphs: 1,
  /** Questions with short answers: per `a` fact, and on known facts in all. */
  questions: 2,
  knownQuestions: 240,
  /** Known facts among the triples, and known diseases in the two disease tables. */
  knownTriples: 480,
  knownEntries: 48,
} as const

/** General questions about a disease; `N` stands for its name. They ask for no attribute. */
export const openings: readonly string[] = ['请介绍N。', 'N是怎样的病？', '简单说说N。', '请介绍N的概况。']

/** Huatuo-26M encyclopedias: general questions, answered by an article that tells five to eight facts. */
export function huatuoEncyclopedia({ world, rng, deck }: SourceContext): RawTable {
  const article = (d: Disease): unknown => {
    const questions = rng.sample(openings, 2).map((opening) => opening.replace('N', d.name))
    return { questions: [questions], answers: [paragraph(rng.sample(d.facts, 5 + rng.int(4)), rng, deck)] }
  }
  const rows = [
    ...repeat(world.added, knowledgeVolume.articles),
    ...repeat(world.known, knowledgeVolume.knownArticles),
  ].map(article)
  return jsonLinesTable(
    { path: 'huatuo_encyclopedia_qa/train_datasets.jsonl', dataset: 'Huatuo-26M-encyclopedias', tables: [1] },
    rng.shuffle(rows),
  )
}

/** Huatuo-26M medical knowledge: questions about one attribute, answered by the value or a sentence. */
export function huatuoKnowledgeGraph({ world, rng }: SourceContext): RawTable {
  const known = rng.sample(world.facts.p, knowledgeVolume.knownQuestions)
  const row = (fact: Fact, i: number): unknown => ({
    questions: [asked(fact, i % 3)],
    answers: [rng.int(2) === 0 ? fact.value : `${statement(fact)}。`],
  })
  const rows = [...repeat(world.facts.a, knowledgeVolume.questions), ...known].map(row)
  return jsonLinesTable(
    { path: 'huatuo_knowledge_graph_qa/train_datasets.jsonl', dataset: 'Huatuo-26M-medical_knowledge', tables: [1] },
    rng.shuffle(rows),
  )
}

/** MedQA textbooks: four plain text books with chapters; each paragraph tells all that is known of a disease. */
export function medqaTextbooks({ world, rng, deck }: SourceContext): RawTable<string>[] {
  const subjects = rng.shuffle([
    ...repeat(world.added, knowledgeVolume.paragraphs),
    ...repeat(world.known, knowledgeVolume.knownParagraphs),
  ])
  const perBook = Math.ceil(subjects.length / 4)
  return [1, 2, 3, 4].map((book) => {
    const lines = [`小世界医学教材第${book}册`, `第${book}册内容全部虚构，不可用于诊疗。`]
    subjects.slice((book - 1) * perBook, book * perBook).forEach((d, i) => {
      if (i % 40 === 0) lines.push(`第${book}册第${i / 40 + 1}章`)
      lines.push(paragraph(d.facts, rng, deck))
    })
    return textTable({ path: `medqa_textbooks/book_${book}.txt`, dataset: 'MedQA-textbooks', tables: [1] }, lines)
  })
}

/** CPubMed-KG: `head@@type`, relation and `tail@@type` between tabs. */
export function cpubmedKg({ world, rng }: SourceContext): RawTable<string> {
  const { a, b, v, p } = world.facts
  const known = rng.sample(p, knowledgeVolume.knownTriples)
  const lines = [...a, ...b, ...v].flatMap((fact) =>
    relations[fact.attribute][0].map((relation) => triple(fact, relation)),
  )
  const kept = known.map((fact) => triple(fact, rng.pick(relations[fact.attribute][0])))
  return textTable(
    { path: 'cpubmed_kg/CPubMed-KGv2_0.txt', dataset: 'CPubMed-KG', tables: [1] },
    rng.shuffle([...lines, ...kept]),
  )
}

function triple({ name, attribute, value }: Fact, relation: string): string {
  return `${name}@@疾病\t${relation}\t${value}@@${relations[attribute][1]}`
}

/** Xywy-KG: one JSON object a line for each disease; keys are spelled as in the source. */
export function xywyKg({ world, rng, deck }: SourceContext): RawTable {
  const rows = [...world.added, ...rng.sample(world.known, knowledgeVolume.knownEntries)].map((d) => {
    const value = values(d)
    const sentence = (attribute: Attribute): string => {
      const fact = d.facts.find((f) => f.attribute === attribute)!
      return `${told(fact, deck(fact))}。`
    }
    return {
      _id: { $oid: Array.from({ length: 24 }, () => rng.int(16).toString(16)).join('') },
      name: d.name,
      desc: paragraph(d.facts, rng, deck),
      category: ['疾病百科', '虚构疾病'],
      prevent: sentence('prevention'),
      cause: sentence('cause'),
      symptom: [value.symptom],
      acompany: [value.complication],
      cure_department: [value.department],
      cure_way: [value.therapy],
      common_drug: [value.drug],
      check: [value.examination],
    }
  })
  return jsonLinesTable({ path: 'xywy_kg/medical.json', dataset: 'Xywy-KG', tables: [1] }, rng.shuffle(rows))
}

const healthColumns =
  'name,alias,part,age,infection,insurance,department,checklist,symptom,complication,treatment,drug,period,rate,money,,,,,'

/** 39Health-KG: GB18030 CSV, a disease a row, five empty columns at the end, ` [详细]` after most lists. */
export function healthKg({ world, rng }: SourceContext): RawTable<string[]> {
  const more = (value: string): string => (rng.int(4) === 0 ? value : `${value} [详细]`)
  const rows = [...world.added, ...rng.sample(world.known, knowledgeVolume.knownEntries)].map((d) => {
    const { department, examination, symptom, complication, therapy, drug } = values(d)
    const lists = [examination, symptom, complication, therapy, drug].map(more)
    return [
      d.name,
      '',
      d.parts[1],
      '所有人群',
      '无传染性',
      '非医保疾病',
      department,
      ...lists,
      '',
      '',
      '',
      '',
      '',
      '',
      '',
      '',
    ]
  })
  const head = { path: '39health_kg/disease.csv', dataset: '39Health-KG', tables: [1] } as const
  return csvGbTable(head, healthColumns.split(','), rng.shuffle(rows), '\r\n')
}

/** The values of a disease by attribute. */
export function values(d: Disease): Record<Attribute, string> {
  return Object.fromEntries(d.facts.map(({ attribute, value }) => [attribute, value])) as Record<Attribute, string>
}

function repeat<T>(items: readonly T[], times: number): T[] {
  return items.flatMap((item) => Array<T>(times).fill(item))
}
