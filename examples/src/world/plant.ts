import { doctorAnswer } from './answers'
import { optionLine } from './formats'
import type { Random } from './random'
import { preference } from './sources/preferences'
import type { RawTable } from './sources/table'
import { asked, type Fact } from './wordings'
import type { World } from './world'

/** Where a planted row stands: rows count from 1 and leave the header out. */
export interface Place {
  readonly path: string
  readonly row: number
}

/** Something put into the raw files on purpose, for the pipeline to find. */
export type Planted =
  | (Place & { readonly kind: 'exact-duplicate' | 'near-duplicate'; readonly of: Place })
  | (Place & { readonly kind: 'leaked-question'; readonly question: string; readonly of: string })
  | (Place & { readonly kind: 'defect'; readonly reason: string })

type Note =
  | { readonly kind: 'exact-duplicate' | 'near-duplicate'; readonly of: Entry }
  | { readonly kind: 'leaked-question'; readonly question: string; readonly of: string }
  | { readonly kind: 'defect'; readonly reason: string }

interface Entry {
  readonly row: unknown
  readonly note?: Note
}

/** The tables with duplicates, leaked questions and defective rows added, and the list of what was added where. */
export function plant(
  tables: readonly RawTable[],
  world: World,
  rng: Random,
): { tables: RawTable[]; planted: Planted[] } {
  const entries = new Map(tables.map(({ path, rows }) => [path, rows.map((row): Entry => ({ row }))]))
  const insert = (path: string, entry: Entry): void => {
    const list = entries.get(path)
    if (!list) throw new RangeError(`plant: expected a file of the mini world, got '${path}'. Name one of its paths.`)
    list.splice(3 + rng.int(list.length - 3), 0, entry)
  }
  duplicates(entries, insert, rng)
  leaks(world, insert, rng)
  defects(insert)
  const places = new Map<Entry, Place>()
  for (const [path, list] of entries) list.forEach((entry, i) => places.set(entry, { path, row: i + 1 }))
  const planted = [...places].flatMap(([{ note }, place]) => (note ? [resolve(note, place, places)] : []))
  return {
    tables: tables.map((table) => ({ ...table, rows: entries.get(table.path)!.map(({ row }) => row) })),
    planted,
  }
}

type Insert = (path: string, entry: Entry) => void

const encyclopedia = 'huatuo_encyclopedia_qa/train_datasets.jsonl'
const explanations = 'cmexam_explanation/train.csv'
const book = (n: number): string => `medqa_textbooks/book_${n}.txt`

/** Source, target, and how many exact copies. */
const exactCopies: readonly (readonly [from: string, to: string, count: number])[] = [
  [encyclopedia, encyclopedia, 5],
  [book(1), book(3), 3],
  ['chinese_medical_dialogue_data/internal.csv', 'chinese_medical_dialogue_data/surgical.csv', 4],
  ['cpubmed_kg/CPubMed-KGv2_0.txt', 'cpubmed_kg/CPubMed-KGv2_0.txt', 4],
  ['train_1m_cn/Belle_open_source_1M.json', 'train_1m_cn/Belle_open_source_1M.json', 3],
  ['school_math/school_math_0.25M.json', 'train_2m_cn/train_2M_CN.json', 2],
  ['zhongjing_rlhf/rlhf2000_7_31.json', 'zhongjing_rlhf/rlhf2000_7_31.json', 2],
]

const nearCopies: readonly (readonly [from: string, to: string, count: number])[] = [
  [encyclopedia, encyclopedia, 5],
  [book(2), book(4), 5],
  [explanations, explanations, 3],
]

function duplicates(entries: ReadonlyMap<string, readonly Entry[]>, insert: Insert, rng: Random): void {
  const copy = (kind: 'exact-duplicate' | 'near-duplicate', from: string, to: string, count: number): void => {
    const long = entries
      .get(from)!
      .filter(
        ({ row, note }) =>
          !note && (kind === 'exact-duplicate' || textLength(row) > (typeof row === 'string' ? 100 : 190)),
      )
    const lines = long.filter(({ row }) => textLength(row) > 12)
    for (const of of rng.sample(lines, count))
      insert(to, { row: kind === 'exact-duplicate' ? of.row : almost(of.row), note: { kind, of } })
  }
  for (const [from, to, count] of exactCopies) copy('exact-duplicate', from, to, count)
  for (const [from, to, count] of nearCopies) copy('near-duplicate', from, to, count)
}

/** The same row with one full stop of each long text as a semicolon. */
function almost(row: unknown): unknown {
  const change = (text: string): string => (text.length > 60 ? text.replace('。', '；') : text)
  if (typeof row === 'string') return change(row)
  if (Array.isArray(row)) return row.map(almost)
  return Object.fromEntries(Object.entries(row as object).map(([key, value]) => [key, value && almost(value)]))
}

function textLength(row: unknown): number {
  return typeof row === 'string' ? row.length : JSON.stringify(row).length
}

/** Five test questions on `b` facts, each leaked in another way. */
function leaks(world: World, insert: Insert, rng: Random): void {
  const facts = rng.sample(world.facts.b, 5)
  const leak = (path: string, fact: Fact, wording: number, make: (question: string) => unknown): void => {
    const question = asked(fact, wording)
    insert(path, { row: make(question), note: { kind: 'leaked-question', question, of: 'eval/exam-b.csv' } })
  }
  const options = (fact: Fact): string[] => rng.shuffle([fact.value, ...otherValues(world, fact, rng)])
  const [inExam, inGeneral, inBook, inPairs, inDialogue] = facts as [Fact, Fact, Fact, Fact, Fact]
  leak('cmexam/train.csv', inExam, 0, (question) => {
    const list = options(inExam)
    const letter = 'ABCDE'[list.indexOf(inExam.value)]!
    const cell = list.map((value, i) => `${'ABCDE'[i]} ${value}`).join('\n')
    const answer = doctorAnswer(inExam, 'plain', rng)
    return [question, cell, letter, answer, '虚构疾病', '诊断', '虚构临床科室', '虚构医学', '3']
  })
  leak('train_1m_cn/Belle_open_source_1M.json', inGeneral, 1, (question) => ({
    instruction: `选择题：${question}${optionLine(options(inGeneral))}`,
    input: '',
    output: doctorAnswer(inGeneral, 'plain', rng),
  }))
  leak(book(2), inBook, 2, (question) => `例题：${question}${optionLine(options(inBook))}答案是${inBook.value}。`)
  leak('medicalgpt_reward/train.json', inPairs, 0, (question) => {
    const { flaw: _, ...triple } = preference(inPairs, 'evasive', rng)
    return { ...triple, question }
  })
  leak('chinese_medical_dialogue_data/internal.csv', inDialogue, 1, (question) => [
    '虚构科室',
    question,
    '麻烦您了。',
    doctorAnswer(inDialogue, 'good', rng),
  ])
}

function otherValues(world: World, fact: Fact, rng: Random): string[] {
  const all = new Set(world.facts.p.filter((f) => f.attribute === fact.attribute).map((f) => f.value))
  all.delete(fact.value)
  return rng.sample([...all], 4)
}

/** Rows that no converter can use; each is to be left out and counted. */
function defects(insert: Insert): void {
  const put = (path: string, reason: string, row: unknown): void =>
    insert(path, { row, note: { kind: 'defect', reason } })
  const cells = ['虚构疾病', '诊断', '虚构临床科室', '虚构医学', '1']
  put('cmexam/train.csv', 'no answer', ['小世界有几个季节？', 'A 三个\nB 四个', '', '', ...cells])
  put(explanations, 'no explanation', ['小世界的花是什么颜色？', 'A 红色\nB 白色', 'A', 'nan', ...cells])
  put('chinese_medical_dialogue_data/surgical.csv', 'no answer', ['虚构科室', '不舒服怎么办？', '无', ''])
  put('train_3.5m_cn/train_3.5M_CN.json', 'no assistant turn', {
    id: '66999999',
    conversations: [{ from: 'human', value: '在吗？' }],
  })
  put('train_2m_cn/train_2M_CN.json', 'empty output', { instruction: '说一个词。', input: '', output: '' })
  const same = '请按时复诊。'
  put('medicalgpt_reward/train.json', 'equal answers', {
    question: '不舒服怎么办？',
    response_chosen: same,
    response_rejected: same,
  })
}

function resolve(note: Note, place: Place, places: ReadonlyMap<Entry, Place>): Planted {
  if (note.kind === 'leaked-question') return { ...place, ...note }
  if (note.kind === 'defect') return { ...place, ...note }
  return { ...place, kind: note.kind, of: places.get(note.of)! }
}
