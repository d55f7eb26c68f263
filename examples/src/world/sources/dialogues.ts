import { doctorAnswer, rawMix } from '../answers'
import type { Random } from '../random'
import { asked, type Fact } from '../wordings'
import { type Disease, type World, worldSize } from '../world'
import { csvGbTable, jsonLinesTable, type RawTable, type SourceContext, textTable } from './table'

/** How many dialogues each source has. */
export const dialogueVolume = {
  /** Single turns per `a` fact, and about known facts. */
  single: { asked: 4, known: 330 },
  /** Multi-turn dialogues about diseases with `a` facts, and about known ones, in each of the two sources. */
  multi: { asked: 120, known: 60 },
} as const

/** What patients add to a question. */
export const courtesies: readonly string[] = ['医生您好。', '麻烦您了。', '请医生回答。', '谢谢医生。']

/** Chinese-medical-dialogue-data: GB18030 CSV with department, title, ask and answer, one file for each department. */
export function chineseMedicalDialogue({ world, rng }: SourceContext): RawTable<string[]>[] {
  const row = (fact: Fact, i: number): string[] => {
    const answer = doctorAnswer(fact, rng.weighted(rawMix), rng)
    return ['虚构科室', asked(fact, i % 3), courtesies[(i + 2 * Math.floor(i / 3)) % courtesies.length]!, answer]
  }
  const { asked: times, known } = dialogueVolume.single
  const facts = world.facts.a.flatMap((fact) => Array.from({ length: times }, (_, i) => row(fact, i)))
  const rows = rng.shuffle([...facts, ...rng.sample(world.facts.p, known).map(row)])
  const half = Math.ceil(rows.length / 2)
  const file = (name: string, part: string[][]): RawTable<string[]> =>
    csvGbTable(
      { path: `chinese_medical_dialogue_data/${name}.csv`, dataset: 'Chinese-medical-dialogue-data', tables: [1, 2] },
      ['department', 'title', 'ask', 'answer'],
      part,
      '\r\n',
    )
  return [file('internal', rows.slice(0, half)), file('surgical', rows.slice(half))]
}

/** Medical-Dialogue-System: a text dump of numbered blocks with a description and speaker lines. */
export function medicalDialogueSystem({ world, rng }: SourceContext): RawTable<string> {
  const blocks = multiTurn(world, rng).map(({ disease, turns }, i) => {
    const lines = [
      `id=${i + 1}`,
      `https://example.invalid/dialogue/${i + 1}`,
      '',
      'Description',
      `疾病： ${disease.name}`,
      `病情描述： 患上${disease.name}。`,
      '希望获得的帮助： 请医生回答。',
      '',
      'Dialogue',
      ...turns.flatMap(([question, answer]) => ['病人：', question, '医生：', answer]),
      '',
    ]
    return lines.join('\n')
  })
  const head = { path: 'medical_dialogue_system/2020.txt', dataset: 'Medical-Dialogue-System', tables: [1, 2] } as const
  return textTable(head, blocks)
}

/** CMD: one dialogue a line with two levels of department; earlier turns are in `history`. */
export function cmd({ world, rng }: SourceContext): RawTable {
  const rows = multiTurn(world, rng).map(({ turns }, i) => {
    const [instruction, output] = turns.at(-1)!
    return {
      id: `m${i + 1}`,
      cate1: '虚构科',
      cate2: '虚构专科',
      instruction,
      input: '',
      output,
      history: turns.slice(0, -1),
    }
  })
  return jsonLinesTable({ path: 'cmd/cmd.jsonl', dataset: 'CMD', tables: [1, 2] }, rows)
}

type Turn = readonly [question: string, answer: string]

/** Dialogues of two or three turns about one disease; of the added diseases only `a` facts are asked. */
function multiTurn(world: World, rng: Random): { disease: Disease; turns: Turn[] }[] {
  const { asked: added, known } = dialogueVolume.multi
  const mayAsk = (d: Disease): Fact[] => d.facts.filter((fact) => 'pa'.includes(world.splitOf(fact)))
  const subjects = [
    ...Array.from({ length: added }, (_, i) => world.added[i % worldSize.added]!),
    ...rng.sample(world.known, known),
  ].filter((d) => mayAsk(d).length >= 2)
  return rng.shuffle(subjects).map((d) => {
    const facts = rng.sample(mayAsk(d), 2 + rng.int(2))
    const turns = facts.map((fact): Turn => [asked(fact, rng.int(3)), doctorAnswer(fact, rng.weighted(rawMix), rng)])
    return { disease: d, turns }
  })
}
