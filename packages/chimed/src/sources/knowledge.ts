import { readCsv } from '../read/csv'
import { type ReadOptions, readJsonl } from '../read/jsonl'
import { formatOf, readRows } from '../read/rows'
import { readLines } from '../read/text'
import type { CptText, Row } from '../types'
import { listCell, text, texts } from './fields'
import { type Converted, defineSource, drop, type Source, type SourceOptions } from './source'

/** A field of a disease record: what it is called in the text, and under which names the sources hold it. */
type Field = readonly [title: string, ...names: string[]]

/** Fields of the Xywy records (their own spellings, and the Chinese headers of the tabular edition), in the order they are told. */
const xywyFields: readonly Field[] = [
  ['', 'desc', '疾病描述'],
  ['病因', 'cause', '病因'],
  ['症状', 'symptom', 'symptoms', '症状'],
  ['并发症', 'acompany', '并发症'],
  ['就诊科室', 'cure_department', '科室'],
  ['检查项目', 'check', '检查'],
  ['治疗方式', 'cure_way', '疗法'],
  ['治疗周期', 'cure_lasttime', '疗程'],
  ['治愈率', 'cured_prob', '治愈率'],
  ['常用药物', 'common_drug', '常用药物'],
  ['推荐药物', 'recommand_drug', '推荐药物'],
  ['具体药物', 'drug_detail', '具体药物'],
  ['宜吃', 'do_eat', '可以吃'],
  ['忌吃', 'not_eat', '不可以吃'],
  ['推荐食谱', 'recommand_eat', '推荐吃'],
  ['预防', 'prevent', '预防措施'],
  ['易感人群', 'easy_get', '易感人群'],
  ['患病比例', 'get_prob', '感染概率'],
  ['传播方式', 'get_way', '感染途径'],
  ['医保', 'yibao_status', '是否纳入医保'],
  ['费用', 'cost_money', '花费'],
  ['分类', 'category', '疾病种类'],
]

/** Xywy knowledge graph: one paragraph per attribute, one text per disease. Reads `medical.json` and the tabular edition. */
export const xywyKg = (path: string, options: SourceOptions = {}): Source<CptText> =>
  defineSource<Record<string, unknown>, CptText>(
    {
      name: 'Xywy-KG',
      path,
      pattern: /\.(jsonl?|csv|xlsx)$/i,
      rows: readRows,
      convert: ({ value }) => diseaseText(text(value.name ?? value.疾病名称), xywyFields, (name) => texts(value[name])),
    },
    options,
  )

const healthColumns: readonly (readonly [title: string, column: string, separator: RegExp])[] = [
  ['别名', 'alias', /[,，、]/],
  ['发病部位', 'part', /\s+/],
  ['多发人群', 'age', /$^/],
  ['传染性', 'infection', /$^/],
  ['医保', 'insurance', /$^/],
  ['就诊科室', 'department', /\s+/],
  ['检查项目', 'checklist', /\s+/],
  ['症状', 'symptom', /\s+/],
  ['并发症', 'complication', /\s+/],
  ['治疗方式', 'treatment', /\s+/],
  ['常用药物', 'drug', /\s+/],
  ['治疗周期', 'period', /$^/],
  ['治愈率', 'rate', /$^/],
  ['治疗费用', 'money', /$^/],
]

/** 39Health knowledge graph (CSV, GB18030 in the original): one text per disease; lists are cut apart, `[详细]` and repeats go. */
export const health39Kg = (path: string, options: SourceOptions = {}): Source<CptText> =>
  defineSource<Record<string, string>, CptText>(
    {
      name: '39Health-KG',
      path,
      pattern: /\.csv$/i,
      rows: (file, read) => readCsv(file, { ...read, required: ['name', 'symptom'] }),
      convert: ({ value }) => {
        const cells = new Map(
          healthColumns.map(([, column, separator]) => [column, listCell(value[column], separator)]),
        )
        return diseaseText(
          text(value.name),
          healthColumns.map(([title, column]) => [title, column] as const),
          (column) => cells.get(column)!,
        )
      },
    },
    options,
  )

function diseaseText(name: string, fields: readonly Field[], read: (name: string) => string[]): Converted<CptText> {
  if (name === '') return drop('missing-name', 'no disease name')
  const lines = fields.flatMap(([title, ...names]) => {
    const entries = names.map(read).find((found) => found.length > 0) ?? []
    if (entries.length === 0) return []
    const value = entries.map((entry) => entry.replace(/\s*\n\s*/g, ' ')).join('、')
    return [title === '' ? value : `${title}：${value}`]
  })
  if (lines.length === 0) return drop('empty', 'a disease without attributes')
  return { record: { text: [name, ...lines].join('\n') }, meta: { name } }
}

/** Options of `cpubmedKg`. */
export interface TripleOptions extends SourceOptions {
  /** One sentence a triple (default, as the 4.4 M samples of the paper), or one text per run of triples with the same head. */
  readonly group?: 'triple' | 'head' | undefined
}

interface Triple {
  readonly head: string
  readonly relation: string
  readonly tail: string
}

/**
 * CPubMed knowledge graph: triples as lines (tab-separated, or `|`), CSV or JSON with `head`, `relation`, `tail`. The entity type behind
 * `@@` is left out. A sentence reads `高血压的并发症是脑卒中。`
 */
export const cpubmedKg = (path: string, { group = 'triple', ...options }: TripleOptions = {}): Source<CptText> =>
  defineSource<Triple[], CptText>(
    {
      name: 'CPubMed-KG',
      path,
      pattern: /\.(txt|tsv|csv|jsonl?)$/i,
      options: { group },
      rows: (file, read) => grouped(triples(file, read), group),
      convert: ({ value }) => {
        const first = value[0]!
        if (value.some(({ head, relation, tail }) => head === '' || relation === '' || tail === ''))
          return drop('triple-incomplete', 'not head, relation and tail')
        return {
          record: { text: value.length === 1 ? sentence(first) : `${first.head}：${clauses(value)}。` },
          meta: { name: first.head },
        }
      },
    },
    options,
  )

const sentence = ({ head, relation, tail }: Triple): string => `${head}的${relation}是${tail}。`

/** `并发症是甲、乙；病因是丙`: tails of one relation stand together. */
function clauses(triplesOfHead: readonly Triple[]): string {
  const tails = new Map<string, string[]>()
  for (const { relation, tail } of triplesOfHead) tails.set(relation, [...(tails.get(relation) ?? []), tail])
  return [...tails].map(([relation, entries]) => `${relation}是${entries.join('、')}`).join('；')
}

async function* triples(path: string, read: ReadOptions): AsyncGenerator<Row<Triple>> {
  const format = formatOf(path)
  if (format === 'text' || format === 'tsv') {
    for await (const row of readLines(path, read)) {
      if (row.value.trim() === '') continue
      const [head = '', relation = '', tail = ''] = row.value.split(row.value.includes('\t') ? '\t' : /\s*\|+\s*/)
      if (row.line === 1 && /^(head|h|头实体)$/i.test(head.trim())) continue
      yield { ...row, value: { head: entity(head), relation: relation.trim(), tail: entity(tail) } }
    }
    return
  }
  const rows =
    format === 'jsonl' ? readJsonl<Record<string, unknown>>(path, read) : readRows<Record<string, unknown>>(path, read)
  for await (const row of rows) {
    const value = row.value ?? {}
    const pick = (...names: string[]): string =>
      text(names.map((name) => value[name]).find((found) => found !== undefined))
    yield {
      ...row,
      value: {
        head: entity(pick('head', 'h', 'subject', '头实体')),
        relation: pick('relation', 'r', 'predicate', '关系'),
        tail: entity(pick('tail', 't', 'object', '尾实体')),
      },
    }
  }
}

const entity = (name: string): string => name.replace(/@+[^@]*$/, '').trim()

async function* grouped(rows: AsyncIterable<Row<Triple>>, group: 'triple' | 'head'): AsyncGenerator<Row<Triple[]>> {
  let run: Row<Triple[]> | undefined
  for await (const row of rows) {
    if (run && (group === 'triple' || run.value[0]!.head !== row.value.head)) {
      yield run
      run = undefined
    }
    if (run) run.value.push(row.value)
    else run = { ...row, value: [row.value] }
  }
  if (run) yield run
}
