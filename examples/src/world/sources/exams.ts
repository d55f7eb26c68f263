import { type ExamRow, examRow, lookAlikeValues } from '../exams'
import { contextText, letters } from '../formats'
import type { Attribute } from '../lexicon'
import type { Random } from '../random'
import { oneOffs, reading, readingExam } from '../reading'
import type { Fact } from '../wordings'
import { csvBomTable, type RawTable, type SourceContext } from './table'

/** How many exam questions each file has. */
export const examVolume = {
  /** CMExam's training part, which is also CPT text: questions per `a` fact, known facts, reading passages. */
  train: { asked: 1, known: 140, reading: 140 },
  /** CMExam-explanation, SFT only. */
  explanation: { asked: 7, known: 520, reading: 900 },
  /** Questions per fact in the test and validation files. */
  test: { a: 1, b: 3, c: 1 },
  validation: { v: 3, w: 2 },
} as const

/** The columns of the CMExam files. */
export const examColumns: readonly string[] = [
  'Question',
  'Options',
  'Answer',
  'Explanation',
  'Disease Group',
  'Area of Competency',
  'Clinical Department',
  'Medical Discipline',
  'Difficulty level',
]

const competency: Readonly<Record<Attribute, string>> = {
  department: '导诊',
  symptom: '诊断',
  cause: '基础',
  examination: '诊断',
  drug: '治疗',
  therapy: '治疗',
  complication: '诊断',
  prevention: '预防',
}

/** A question as a CMExam row: options are lines `A 文本` in one cell; the annotations say that it is invented. */
export function cmexamRow(row: ExamRow, context: readonly string[] = []): string[] {
  const options = row.options.map((text, i) => `${letters[i]} ${text}`).join('\n')
  const level = String(1 + (context.length > 0 ? 3 : row.options.length % 3))
  return [
    contextText(context) + row.question,
    options,
    letters[row.answer]!,
    row.explanation,
    '虚构疾病',
    competency[row.attribute],
    '虚构临床科室',
    '虚构医学',
    level,
  ]
}

/** CMExam: train, validation and test. Train asks `a` and known facts and passages; the others hold the splits' questions. */
export function cmexam(
  context: SourceContext,
  evaluation: Readonly<Record<'val' | 'test', string[][]>>,
): RawTable<string[]>[] {
  const file = (part: string, tables: RawTable['tables'], rows: string[][]): RawTable<string[]> =>
    csvBomTable({ path: `cmexam/${part}.csv`, dataset: 'CMExam', tables }, examColumns, rows)
  return [
    file('train', [1], trainingRows(context, examVolume.train)),
    file('val', [], evaluation.val),
    file('test', [], evaluation.test),
  ]
}

/** CMExam-explanation: the rows whose explanations SFT learns to give. */
export function cmexamExplanation(context: SourceContext): RawTable<string[]> {
  const head = { path: 'cmexam_explanation/train.csv', dataset: 'CMExam-explanation', tables: [2] } as const
  return csvBomTable(head, examColumns, trainingRows(context, examVolume.explanation))
}

interface Volume {
  readonly asked: number
  readonly known: number
  readonly reading: number
}

function trainingRows({ world, rng }: SourceContext, volume: Volume): string[][] {
  const all = world.diseases.slice(0, world.known.length + world.added.length).flatMap((d) => d.facts)
  const question = (fact: Fact, i: number): string[] => {
    const lures = i % 3 === 0 ? lookAlikeValues(fact, all).slice(0, 2) : []
    return cmexamRow(examRow(fact, { rng, wording: i % 3, lures, options: i % 5 === 4 ? 4 : 5 }))
  }
  const source = oneOffs(world)
  const passages = Array.from({ length: volume.reading }, () => passageRow(source, rng))
  const asked = world.facts.a.flatMap((fact) => Array.from({ length: volume.asked }, (_, i) => question(fact, i)))
  return rng.shuffle([...asked, ...rng.sample(world.facts.p, volume.known).map(question), ...passages])
}

function passageRow(source: ReturnType<typeof oneOffs>, rng: Random): string[] {
  const passage = reading(source, rng)
  const { fact, context } = passage
  return cmexamRow({ ...readingExam(passage, rng), attribute: fact.attribute, name: fact.name }, context)
}
