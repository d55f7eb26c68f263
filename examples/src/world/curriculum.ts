import { baseMix, doctorAnswer } from './answers'
import { examOf, lookAlikeValues } from './exams'
import { dialogueTurn, type Exam, endToken, examAnswer, examTurn, letters, optionLine, prompt } from './formats'
import { generalExchange, generalText } from './general'
import { type Attribute, attributes, endings, organs, places, pools } from './lexicon'
import { type Random, random } from './random'
import { type OneOffs, oneOffs, reading, readingExam } from './reading'
import { relations } from './relations'
import { courtesies } from './sources/dialogues'
import { openings } from './sources/knowledge'
import { templatePieces } from './terms'
import { freeParagraph } from './texts'
import { asked, type Fact, statement, told, wordingCounts } from './wordings'
import type { Disease, World } from './world'

/** A stretch of text, and whether the model learns to predict it. */
export interface Segment {
  readonly text: string
  readonly loss: boolean
}

/** One training sample; it ends with the end token and shares nothing with the sample before it. */
export interface Sample {
  readonly kind: SampleKind
  readonly segments: readonly Segment[]
}

/** What a sample teaches. */
export type SampleKind =
  | 'copy'
  | 'letters'
  | 'reading-exam'
  | 'reading-dialogue'
  | 'restatement'
  | 'text'
  | 'exam'
  | 'dialogue'
  | 'triple'
  | 'general'

/**
 * A phase of the base model's pre-training.
 *
 * - `copy`     random patterns that repeat: the model learns to look back
 * - `letters`  the letter of an option told by its text, kept alive by copying
 * - `main`     reading comprehension on one-off diseases, and the facts of the known ones
 */
export type Phase = 'copy' | 'letters' | 'main'

/** Share of the text (by characters) that each kind of sample has in a phase. */
export const phaseMix: Readonly<Record<Phase, Readonly<Partial<Record<SampleKind, number>>>>> = {
  copy: { copy: 1 },
  letters: { letters: 0.75, copy: 0.25 },
  main: {
    'reading-exam': 0.24,
    'reading-dialogue': 0.1,
    restatement: 0.1,
    text: 0.23,
    exam: 0.13,
    dialogue: 0.06,
    triple: 0.02,
    general: 0.03,
    letters: 0.05,
    copy: 0.04,
  },
}

/** What {@link curriculum} needs. */
export interface CurriculumOptions {
  readonly world: World
  readonly seed: number
  readonly phase: Phase
  /** Shares that differ from {@link phaseMix}. */
  readonly mix?: Readonly<Partial<Record<SampleKind, number>>>
}

/**
 * Endless training samples of a phase; take as many as the token budget allows.
 *
 * No fact of the splits `a`, `b`, `v`, `c` or `w` occurs. Kinds are dealt out so that their shares of the text hold at
 * every length, and two runs with the same options give the same samples.
 */
export function* curriculum({ world, seed, phase, mix = phaseMix[phase] }: CurriculumOptions): Generator<Sample> {
  const makers = sampleMakers(world)
  const rng = random(seed, `curriculum/${phase}`)
  const shares = Object.entries(mix).filter(([, share]) => share > 0) as [SampleKind, number][]
  const written = new Map(shares.map(([kind]) => [kind, 0]))
  for (;;) {
    const [kind] = shares.reduce((best, next) => (debt(next, written) < debt(best, written) ? next : best))
    const segments = makers[kind](rng)
    written.set(kind, written.get(kind)! + segments.reduce((sum, { text }) => sum + text.length, 0))
    yield { kind, segments }
  }
}

/** Characters written per unit of share: the kind with the least is next. */
function debt([kind, share]: [SampleKind, number], written: ReadonlyMap<SampleKind, number>): number {
  return written.get(kind)! / share
}

type Maker = (rng: Random) => Segment[]

function sampleMakers(world: World): Record<SampleKind, Maker> {
  const source = oneOffs(world)
  return {
    copy: copying,
    letters: letterDrill,
    'reading-exam': (rng) => readingExamSample(source, rng),
    'reading-dialogue': (rng) => readingDialogue(source, rng),
    restatement: (rng) => restatement(source, rng),
    text: (rng) => knownText(world, rng),
    exam: (rng) => knownExam(world, rng),
    dialogue: (rng) => knownDialogue(world, rng),
    triple: (rng) => knownShort(world, rng),
    general,
  }
}

const quiet = (text: string): Segment => ({ text, loss: false })
const learnt = (text: string): Segment => ({ text, loss: true })
const answered = (turn: string, answer: string): Segment[] => [quiet(prompt(turn)), learnt(answer + endToken)]

const copyPieces: readonly string[] = [
  ...places,
  ...organs,
  ...endings,
  ...attributes.flatMap((a) => pools[a]),
  ...templatePieces,
  ...letters,
  ...'0123456789',
]

/** A pattern of 2 to 20 pieces, 2 to 8 times; only the repeats count, the first time nothing can be foretold. */
function copying(rng: Random): Segment[] {
  const pattern = Array.from({ length: 2 + rng.int(19) }, () => rng.pick(copyPieces)).join('')
  return [quiet(pattern), learnt(pattern.repeat(1 + rng.int(7)) + endToken)]
}

/**
 * One question for each list of options, and only its letter counts: with more questions on one list a model learns to
 * strike out what was asked before instead of matching text and letter.
 */
function letterDrill(rng: Random): Segment[] {
  const attribute = rng.pick(attributes)
  const options = rng.sample(rng.int(4) === 0 ? copyPieces.slice(0, 300) : pools[attribute], 2 + rng.int(4))
  const answer = rng.int(options.length)
  const line = `选择题：${rng.int(2) === 0 ? asked({ name: someName(rng), attribute }, rng.int(3)) : ''}${optionLine(options)}`
  const fact: Fact = { name: someName(rng), attribute, value: options[answer]! }
  const start = rng.int(2) === 0 ? statement(fact) : fact.value
  return [quiet(`${prompt(line)}${start}，选`), learnt(letters[answer]!), quiet(`。${endToken}`)]
}

function someName(rng: Random): string {
  return rng.pick(places) + rng.pick(organs) + rng.pick(endings)
}

function readingExamSample(source: OneOffs, rng: Random): Segment[] {
  const passage = reading(source, rng)
  const exam = readingExam(passage, rng)
  return answered(examTurn(exam, passage.context), examAnswer(exam))
}

function readingDialogue(source: OneOffs, rng: Random): Segment[] {
  const { fact, context } = reading(source, rng)
  const question = asked(fact, rng.int(wordingCounts.asked))
  const passage = context.join('')
  const turn = rng.int(8) === 0 ? `${question}\n资料：${passage}` : dialogueTurn(question, context)
  return answered(turn, doctorAnswer(fact, rng.weighted({ plain: 6, good: 4 }), rng))
}

/** A passage about a one-off disease, then the same facts in another order and other words. */
function restatement(source: OneOffs, rng: Random): Segment[] {
  const facts = rng.sample(source.draw(rng).facts, 2 + rng.int(5))
  return [quiet(freeParagraph(facts, rng)), learnt(freeParagraph(facts, rng) + endToken)]
}

/** What texts tell of a known disease: a paragraph, now and then under a general question, or a record. */
function knownText({ known }: World, rng: Random): Segment[] {
  const subject = rng.pick(known)
  if (rng.int(12) === 0) return [learnt(record(subject, rng) + endToken)]
  const body = freeParagraph(rng.sample(subject.facts, 4 + rng.int(5)), rng)
  const opening = rng.int(4) === 0 ? `问：${rng.pick(openings).replace('N', subject.name)}\n答：` : ''
  return [learnt(opening + body + endToken)]
}

/** A disease as the records of knowledge graphs come out of the converters: labels and bare values, a line each. */
function record({ name, facts }: Disease, rng: Random): string {
  const lines = rng.sample(facts, 5 + rng.int(4)).map((fact) => `${labels[fact.attribute]}：${fact.value}`)
  return [name, ...lines].join('\n')
}

const labels: Readonly<Record<Attribute, string>> = {
  department: '就诊科室',
  symptom: '症状',
  cause: '病因',
  examination: '检查项目',
  drug: '常用药物',
  therapy: '治疗方式',
  complication: '并发症',
  prevention: '预防',
}

/** An exam question as it is asked, now and then as the printed text that continued pre-training reads. */
function knownExam({ facts }: World, rng: Random): Segment[] {
  const exam = someExam(facts.p, rng)
  if (rng.int(6) > 0) return answered(examTurn(exam), examAnswer(exam))
  const lines = exam.options.map((option, i) => `${letters[i]} ${option}`)
  const solution = `答案：${letters[exam.answer]} ${exam.options[exam.answer]}\n解析：${exam.explanation}`
  return [quiet(`${[exam.question, ...lines].join('\n')}\n`), learnt(solution + endToken)]
}

function someExam(facts: readonly Fact[], rng: Random): Exam {
  const fact = rng.pick(facts)
  const lures = rng.int(4) === 0 ? lookAlikeValues(fact, rng.sample(facts, 200)).slice(0, 2) : []
  return examOf(fact, { rng, lures, options: rng.pick([5, 5, 5, 4, 3]) })
}

/** One to three turns about a known disease. */
function knownDialogue({ known }: World, rng: Random): Segment[] {
  const turns = rng.sample(rng.pick(known).facts, rng.pick([1, 1, 1, 2, 2, 3]))
  return turns.flatMap((fact) => {
    const question = asked(fact, rng.int(wordingCounts.asked))
    const turn = rng.int(4) === 0 ? `${question}，${rng.pick(courtesies)}` : question
    return answered(turn, doctorAnswer(fact, rng.weighted(baseMix), rng))
  })
}

/** A single known fact: a triple's sentence, any sentence, or a question with its short answer. */
function knownShort({ facts }: World, rng: Random): Segment[] {
  const fact = rng.pick(facts.p)
  const text = rng.pick([
    `${fact.name}的${rng.pick(relations[fact.attribute][0])}是${fact.value}。`,
    `${told(fact, rng.int(wordingCounts.told))}。`,
    `问：${asked(fact, rng.int(wordingCounts.asked))}\n答：${rng.int(2) === 0 ? fact.value : `${statement(fact)}。`}`,
  ])
  return [learnt(text + endToken)]
}

function general(rng: Random): Segment[] {
  if (rng.int(3) === 0) return [learnt(generalText(rng) + endToken)]
  const count = rng.pick([1, 1, 1, 2, 3])
  const exchanges = Array.from({ length: count }, () => generalExchange(rng))
  return exchanges.flatMap(({ ask, answer }) => answered(ask, answer))
}
