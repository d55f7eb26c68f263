import { doctorAnswer } from '../answers'
import { examRow } from '../exams'
import { generalText } from '../general'
import { attributes } from '../lexicon'
import type { Random } from '../random'
import { freeParagraph, heldOutParagraph } from '../texts'
import { asked, type Fact, told } from '../wordings'
import type { Disease, Split } from '../world'
import { cmexamRow, examColumns, examVolume } from './exams'
import { flaws, preference } from './preferences'
import { csvBomTable, jsonLinesTable, type RawTable, type SourceContext, textTable } from './table'

const head = (path: string): Pick<RawTable, 'path' | 'dataset' | 'tables'> => ({
  path,
  dataset: 'evaluation',
  tables: [],
})

/**
 * Exam questions of each split that is asked in the test or in validation.
 *
 * Questions stand in groups that share their options, each of which is right once: whatever values someone prefers who does
 * not know the facts, one answer in five is right. Values of look-alike diseases among the options would pull a model that
 * knows those diseases below chance, and a plain draw leaves it to luck how often its favourites are right.
 */
export function examSets({ world, rng }: SourceContext): Record<Exclude<Split, 'p'>, RawTable<string[]>> {
  const rows = (split: Split, times: number): string[][] =>
    rng.sample([0, 1, 2], times).flatMap((wording) =>
      attributes.flatMap((attribute) =>
        optionGroups(rng.shuffle(world.facts[split].filter((fact) => fact.attribute === attribute))).flatMap(
          (group) => {
            const lures = group.map(({ value }) => value)
            return group.map((fact) => cmexamRow(examRow(fact, { rng, wording, lures })))
          },
        ),
      ),
    )
  const set = (split: Exclude<Split, 'p'>, times: number): RawTable<string[]> =>
    csvBomTable(head(`eval/exam-${split}.csv`), examColumns, rng.shuffle(rows(split, times)))
  const { test, validation } = examVolume
  return {
    a: set('a', test.a),
    b: set('b', test.b),
    c: set('c', test.c),
    v: set('v', validation.v),
    w: set('w', validation.w),
  }
}

/** Facts in groups of up to five with unlike values. */
function optionGroups(facts: readonly Fact[]): Fact[][] {
  const groups: Fact[][] = []
  for (const fact of facts) {
    const home = groups.find((group) => group.length < 5 && group.every(({ value }) => value !== fact.value))
    if (home) home.push(fact)
    else groups.push([fact])
  }
  return groups
}

/** Dialogues, preference pairs and texts about facts that training never asks. */
export function heldOutSets({ world, rng }: SourceContext): RawTable[] {
  const { b, v, p } = world.facts
  return [
    jsonLinesTable(head('eval/dialogue-b.jsonl'), dialogues(b, rng)),
    jsonLinesTable(head('eval/dialogue-v.jsonl'), dialogues(v, rng)),
    jsonLinesTable(head('eval/preference-b.jsonl'), pairs(b, 480, rng)),
    jsonLinesTable(head('eval/preference-v.jsonl'), pairs(v, 240, rng)),
    ...texts(world.added, 'b', (fact) => world.splitOf(fact) === 'b', rng),
    ...texts(world.added, 'v', (fact) => world.splitOf(fact) === 'v', rng),
    textTable(
      head('eval/text-p-told.txt'),
      chunks(rng.sample(p, 160), 4).map((facts) => freeParagraph(facts, rng)),
    ),
    textTable(
      head('eval/text-general.txt'),
      Array.from({ length: 60 }, () => generalText(rng)),
    ),
  ]
}

/** In the layout of the Huatuo-26M test file: one string in each list. The answer is the fact and good advice. */
function dialogues(facts: readonly Fact[], rng: Random): unknown[] {
  return facts.map((fact) => ({
    id: '',
    instruction: [asked(fact, rng.int(3))],
    input: '',
    output: [doctorAnswer(fact, 'good', rng)],
  }))
}

function pairs(facts: readonly Fact[], count: number, rng: Random): unknown[] {
  const cycle = rng.shuffle(facts)
  return Array.from({ length: count }, (_, i) => preference(cycle[i % cycle.length]!, flaws[i % 3]!, rng))
}

/** Texts about a split: three new draws in trained wordings, and one in wordings that no training text has. */
function texts(
  diseases: readonly Disease[],
  name: string,
  keep: (fact: Fact) => boolean,
  rng: Random,
): RawTable<string>[] {
  const groups = diseases.map((d) => d.facts.filter(keep)).filter((facts) => facts.length > 0)
  const toldLines = [1, 2, 3].flatMap(() => groups.map((facts) => freeParagraph(facts, rng)))
  const heldOutLines = groups.map((facts) => heldOutParagraph(facts, rng))
  return [
    textTable(head(`eval/text-${name}-told.txt`), toldLines),
    textTable(head(`eval/text-${name}-heldout.txt`), heldOutLines),
  ]
}

/** The knowledge base of retrieval: one document for each retrieved disease, every fact in one wording. */
export function knowledgeBase({ world, rng }: SourceContext): RawTable {
  const rows = world.retrieved.map((d, i) => ({
    id: `kb-${String(i + 1).padStart(3, '0')}`,
    title: d.name,
    text: rng
      .shuffle(d.facts)
      .map((fact) => `${told(fact, rng.int(6))}。`)
      .join(''),
    fictional: true,
  }))
  return jsonLinesTable({ path: 'knowledge_base/knowledge.jsonl', dataset: 'knowledge base', tables: [] }, rows)
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}
