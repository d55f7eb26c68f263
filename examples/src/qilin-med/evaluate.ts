import type { ExamItem } from '@qilin-med/chimed'
import {
  bootstrapMean,
  cmexamBleu,
  cmexamRouge,
  preferenceAccuracy,
  strictExtractor,
  weightedF1,
} from '@qilin-med/metrics'
import type { Retriever } from '@qilin-med/rag'
import type { Domain, TestData } from './domain'
import type { TextModel } from './text-model'

/** A share with its bootstrap interval. */
export interface Share {
  readonly value: number
  readonly n: number
  readonly ci95: readonly [number, number]
}

/** One exam split. All shares lie between 0 and 1. */
export interface ExamResult {
  /** By likelihood: the option whose text has the highest mean log-probability per token. */
  readonly accuracy: number
  readonly weightedF1: number
  readonly n: number
  readonly ci95: readonly [number, number]
  /** By the option text in the generated answer, read by the strict extractor. */
  readonly generated: { readonly accuracy: number; readonly weightedF1: number; readonly unparsed: number }
  /** By the letter at the end of the generated answer. */
  readonly letter: { readonly accuracy: number; readonly unparsed: number }
}

/** The text scores of the paper's Tables 5 and 6, in percent, with the interval of ROUGE-L. */
export interface TextScores {
  readonly bleu1: number
  readonly bleu4: number
  readonly rouge1: number
  readonly rouge2: number
  readonly rougeL: number
  readonly n: number
}

/** A question, what the model made of it, and what it looked up. */
export interface Sample {
  readonly question: string
  readonly expected: string
  readonly answer: string
  readonly sources: readonly { readonly text: string; readonly source: string }[]
}

/** Everything measured of one stage. */
export interface StageResult {
  readonly perplexity: Readonly<Record<string, number>>
  readonly exam: Readonly<Record<string, ExamResult>>
  readonly explanation: TextScores
  readonly dialogue: TextScores
  readonly preferenceAccuracy: Share
  readonly samples: readonly Sample[]
}

/** What is evaluated with. */
export interface EvaluationContext {
  readonly domain: Domain
  readonly tests: TestData
  readonly model: TextModel
  /** Present: the model reads what it finds before it answers. */
  readonly retriever?: Retriever | undefined
  /** Seed of the bootstrap. */
  readonly seed: number
  /** Most questions of each exam split; all by default. */
  readonly limit?: number | undefined
  /** Results of the same model without retrieval: perplexity and preferences do not depend on it. */
  readonly without?: StageResult | undefined
}

/** Evaluates one stage on every test set. */
export const evaluateStage = async (context: EvaluationContext): Promise<StageResult> => {
  const { domain, tests, seed, without } = context
  const exam: Record<string, ExamResult> = {}
  const samples: Sample[] = []
  let explanation: TextScores | undefined
  for (const [split, all] of Object.entries(tests.exams)) {
    const answered = await answerExam(context, all.slice(0, context.limit))
    exam[split] = answered.result
    explanation ??= textScores(
      answered.samples.map(({ answer }) => domain.explanationIn(answer)),
      answered.samples.map(({ expected }) => expected),
    )
    samples.push(...answered.samples.slice(0, 3))
  }
  const dialogue = await answerDialogues(context)
  return {
    perplexity: without?.perplexity ?? (await perplexities(context)),
    exam,
    explanation: explanation!,
    dialogue: dialogue.scores,
    preferenceAccuracy: without?.preferenceAccuracy ?? (await preferences(context, seed)),
    samples: [...samples, ...dialogue.samples.slice(0, 3)],
  }
}

interface Found {
  readonly sentences: readonly string[]
  readonly sources: Sample['sources']
}

const lookUp = async ({ domain, retriever }: EvaluationContext, query: string): Promise<Found> => {
  const hits = (await retriever?.retrieve(query, { k: domain.retrieval.hits })) ?? []
  return {
    sentences: hits.map(({ text }) => text),
    sources: hits.map(({ text, source }) => ({ text, source: source ?? '' })),
  }
}

const best = (values: readonly number[]): number => values.indexOf(Math.max(...values))

const answerExam = async (context: EvaluationContext, items: readonly ExamItem[]) => {
  const { domain, model, seed } = context
  const found: Found[] = []
  for (const item of items) found.push(await lookUp(context, domain.examQuery(item)))
  const prompts = items.map((item, i) => domain.prompt(domain.examQuestion(item), found[i]!.sentences))
  const scores = await model.score(
    items.map((item, i) => ({
      prompt: prompts[i]! + domain.answerStem(item),
      continuations: item.options.map(({ text }) => text),
    })),
  )
  const likeliest = items.map(
    ({ options }, i) => options[best(scores[i]!.map(({ logProb, tokens }) => logProb / tokens))]!.letter,
  )
  const answers = await model.generate(prompts, { maxTokens: domain.answerTokens, rows: domain.generationRows })
  const gold = items.map(({ answer }) => answer)
  const hits = gold.map((answer, i) => Number(answer === likeliest[i]))
  const { low, high } = bootstrapMean(hits, { seed })
  const result: ExamResult = {
    accuracy: mean(hits),
    weightedF1: weightedF1(gold, likeliest),
    n: items.length,
    ci95: [low, high],
    generated: readByText(domain, items, answers),
    letter: readByLetter(gold, answers),
  }
  const samples = items.map(
    (item, i): Sample => ({
      question: domain.examQuestion(item),
      expected: item.explanation,
      answer: answers[i]!,
      sources: found[i]!.sources,
    }),
  )
  return { result, samples }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

const readByText = (
  domain: Domain,
  items: readonly ExamItem[],
  answers: readonly string[],
): ExamResult['generated'] => {
  const read = items.map(({ options }, i) => strictExtractor(domain.explanationIn(answers[i]!), options))
  const gold = items.map(({ answer }) => answer)
  const chosen = read.map(({ answer, parsed }) => (parsed ? answer : '-'))
  return {
    accuracy: mean(gold.map((answer, i) => Number(answer === chosen[i]))),
    weightedF1: weightedF1(gold, chosen),
    unparsed: read.filter(({ parsed }) => !parsed).length,
  }
}

const readByLetter = (gold: readonly string[], answers: readonly string[]): ExamResult['letter'] => {
  const letters = answers.map((answer) => /(?:选|答案[:：]?\s*)([A-E])/.exec(answer)?.[1])
  return {
    accuracy: mean(gold.map((answer, i) => Number(answer === letters[i]))),
    unparsed: letters.filter((letter) => letter === undefined).length,
  }
}

const textScores = (predictions: readonly string[], references: readonly string[]): TextScores => {
  const rouge = cmexamRouge(predictions, references)
  return {
    bleu1: cmexamBleu(predictions, references, { maxOrder: 1 }).score,
    bleu4: cmexamBleu(predictions, references, { maxOrder: 4 }).score,
    rouge1: rouge.rouge1.f,
    rouge2: rouge.rouge2.f,
    rougeL: rouge.rougeL.f,
    n: predictions.length,
  }
}

const answerDialogues = async (context: EvaluationContext) => {
  const { domain, model, tests } = context
  const exchanges = tests.dialogues.slice(0, context.limit)
  const found: Found[] = []
  for (const { question } of exchanges) found.push(await lookUp(context, question))
  const prompts = exchanges.map(({ question }, i) => domain.prompt(question, found[i]!.sentences))
  const answers = await model.generate(prompts, { maxTokens: domain.answerTokens, rows: domain.generationRows })
  const samples = exchanges.map(
    ({ question, answer }, i): Sample => ({
      question,
      expected: answer,
      answer: answers[i]!,
      sources: found[i]!.sources,
    }),
  )
  return {
    scores: textScores(
      answers,
      exchanges.map(({ answer }) => answer),
    ),
    samples,
  }
}

/** exp of the mean negative log-probability of all tokens but the first of each text, which nothing predicts. */
const perplexities = async ({ model, tests, limit }: EvaluationContext): Promise<Record<string, number>> => {
  const result: Record<string, number> = {}
  for (const [split, texts] of Object.entries(tests.texts)) {
    const requests = texts.slice(0, limit).map((text) => ({ prompt: [...text][0]!, continuations: [text.slice(1)] }))
    const scores = (await model.score(requests)).flat()
    const logProb = scores.reduce((sum, score) => sum + score.logProb, 0)
    result[split] = Math.exp(-logProb / scores.reduce((sum, score) => sum + score.tokens, 0))
  }
  return result
}

const preferences = async ({ domain, model, tests, limit }: EvaluationContext, seed: number): Promise<Share> => {
  const scores = await model.score(
    tests.preferences.slice(0, limit).map(({ prompt, chosen, rejected }) => ({
      prompt: domain.prompt(prompt),
      continuations: [chosen, rejected],
    })),
  )
  const perToken = (which: number) => scores.map((pair) => pair[which]!.logProb / pair[which]!.tokens)
  const { value, n, low, high } = preferenceAccuracy(perToken(0), perToken(1), { seed })
  return { value, n, ci95: [low, high] }
}
