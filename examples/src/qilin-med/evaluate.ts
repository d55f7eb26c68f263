import type { ExamItem } from '@qilin-med/chimed'
import {
  bootstrap,
  cmexamTextScores,
  examScores,
  preferenceAccuracy,
  strictExtractor,
  termRecall,
} from '@qilin-med/metrics'
import type { NetworkAdapter, Score, TextModel, TextScoreRequest } from '@qilin-med/models'
import type { Retriever } from '@qilin-med/rag'
import type { Domain, TestData } from './domain'

/** A share with its bootstrap interval. */
export interface Share {
  readonly value: number
  readonly n: number
  readonly ci95: Range
}

/** A 95% bootstrap interval. */
export type Range = readonly [low: number, high: number]

/** One exam split. All shares lie between 0 and 1. */
export interface ExamResult {
  /** By likelihood: the option whose text has the highest mean log-probability per token. */
  readonly accuracy: number
  readonly weightedF1: number
  readonly n: number
  /** Interval of the accuracy. */
  readonly ci95: Range
  readonly weightedF1Ci95: Range
  /** By the option text in the generated answer, read by the strict extractor. */
  readonly generated: {
    readonly accuracy: number
    readonly weightedF1: number
    readonly unparsed: number
    readonly ci95: Range
  }
  /** By the letter at the end of the generated answer. */
  readonly letter: { readonly accuracy: number; readonly unparsed: number; readonly ci95: Range }
}

/** The text scores of the paper's Tables 5 and 6, in percent. */
export interface TextScores {
  readonly bleu1: number
  readonly bleu4: number
  readonly rouge1: number
  readonly rouge2: number
  readonly rougeL: number
  readonly n: number
  /** Interval of each score. */
  readonly ci95: Readonly<Record<'bleu1' | 'bleu4' | 'rouge1' | 'rouge2' | 'rougeL', Range>>
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
  readonly perplexityCi95: Readonly<Record<string, Range>>
  readonly exam: Readonly<Record<string, ExamResult>>
  readonly explanation: TextScores
  readonly dialogue: TextScores
  /** Share of the terms in the expected dialogue answers that the answers name; `n` terms. */
  readonly termRecall: { readonly value: number; readonly n: number }
  readonly preferenceAccuracy: Share
  readonly samples: readonly Sample[]
}

/** What is evaluated with. */
export interface EvaluationContext {
  readonly domain: Domain
  readonly tests: TestData
  readonly model: TextModel
  /** The stage's adapter; the model alone without one. */
  readonly adapter?: NetworkAdapter | undefined
  readonly signal: AbortSignal
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
      seed,
    )
    samples.push(...answered.samples.slice(0, 3))
  }
  const dialogue = await answerDialogues(context)
  const { perplexity, perplexityCi95 } = without ?? (await perplexities(context))
  return {
    perplexity,
    perplexityCi95,
    exam,
    explanation: explanation!,
    dialogue: dialogue.scores,
    termRecall: dialogue.termRecall,
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

/** The model's answers. */
const generate = ({ domain, model, adapter, signal }: EvaluationContext, prompts: readonly string[]) =>
  model.generateAll(prompts, {
    maxTokens: domain.answerTokens,
    batchRows: domain.generationRows,
    batchTokens: domain.generationTokens,
    signal,
    ...(adapter && { adapter }),
  })

/** Log-likelihoods of what may follow each prompt. */
const score = (
  { domain, model, adapter, signal }: EvaluationContext,
  requests: readonly TextScoreRequest[],
): Promise<Score[][]> =>
  model.scoreAll(requests, { batchTokens: domain.scoreTokens, signal, ...(adapter && { adapter }) })

/** Index of the largest value. @throws Error when one is no number: nothing can be ranked then */
const best = (values: readonly number[]): number => {
  if (values.some(Number.isNaN))
    throw new Error(
      'evaluate: expected log-probabilities, got NaN. The weights are damaged or training diverged: look at them, or use a lower rate.',
    )
  return values.indexOf(Math.max(...values))
}

const answerExam = async (context: EvaluationContext, items: readonly ExamItem[]) => {
  const { domain, seed } = context
  const found: Found[] = []
  for (const item of items) found.push(await lookUp(context, domain.examQuery(item)))
  const prompts = items.map((item, i) => domain.prompt(domain.examQuestion(item), found[i]!.sentences))
  const scores = await score(
    context,
    items.map((item, i) => ({
      prompt: prompts[i]! + domain.answerStem(item),
      continuations: item.options.map(({ text }) => text),
    })),
  )
  const likeliest = items.map(
    ({ options }, i) => options[best(scores[i]!.map(({ logProb, tokens }) => logProb / tokens))]!.letter,
  )
  const answers = await generate(context, prompts)
  const gold = items.map(({ answer }) => answer)
  const drawn = { seed, groups: items.map(domain.examGroup) }
  const byLikelihood = examScores(gold, likeliest, drawn)
  const byText = examScores(gold, optionsRead(domain, items, answers), drawn)
  const byLetter = examScores(gold, answers.map(letterIn), drawn)
  const result: ExamResult = {
    accuracy: byLikelihood.accuracy.value,
    weightedF1: byLikelihood.weightedF1.value,
    n: items.length,
    ci95: range(byLikelihood.accuracy),
    weightedF1Ci95: range(byLikelihood.weightedF1),
    generated: {
      accuracy: byText.accuracy.value,
      weightedF1: byText.weightedF1.value,
      unparsed: byText.unparsed,
      ci95: range(byText.accuracy),
    },
    letter: { accuracy: byLetter.accuracy.value, unparsed: byLetter.unparsed, ci95: range(byLetter.accuracy) },
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

const range = ({ low, high }: { readonly low: number; readonly high: number }): Range => [low, high]

/** Letters of the options whose text the answers hold; undefined where none or several do. */
const optionsRead = (domain: Domain, items: readonly ExamItem[], answers: readonly string[]): (string | undefined)[] =>
  items.map(({ options }, i) => {
    const { answer, parsed } = strictExtractor(domain.explanationIn(answers[i]!), options)
    return parsed ? answer : undefined
  })

const letterIn = (answer: string): string | undefined => /(?:选|答案[:：]?\s*)([A-E])/.exec(answer)?.[1]

const textScores = (predictions: readonly string[], references: readonly string[], seed: number): TextScores => {
  const { n, bleu1, bleu4, rouge1, rouge2, rougeL } = cmexamTextScores(predictions, references, { seed })
  const scores = { bleu1, bleu4, rouge1, rouge2, rougeL }
  const each = <T>(value: (score: typeof bleu1) => T) =>
    Object.fromEntries(Object.entries(scores).map(([name, score]) => [name, value(score)])) as Record<
      keyof typeof scores,
      T
    >
  return { ...each(({ value }) => value), n, ci95: each(range) }
}

const answerDialogues = async (context: EvaluationContext) => {
  const { domain, tests } = context
  const exchanges = tests.dialogues.slice(0, context.limit)
  const found: Found[] = []
  for (const { question } of exchanges) found.push(await lookUp(context, question))
  const prompts = exchanges.map(({ question }, i) => domain.prompt(question, found[i]!.sentences))
  const answers = await generate(context, prompts)
  const samples = exchanges.map(
    ({ question, answer }, i): Sample => ({
      question,
      expected: answer,
      answer: answers[i]!,
      sources: found[i]!.sources,
    }),
  )
  const expected = exchanges.map(({ answer }) => answer)
  const { recall, rows } = termRecall(answers, expected, tests.terms)
  return {
    scores: textScores(answers, expected, context.seed),
    termRecall: { value: recall, n: rows.reduce((sum, row) => sum + row.expected.length, 0) },
    samples,
  }
}

/** exp of the mean negative log-probability of all tokens but the first of each text, which nothing predicts. */
const perplexities = async (context: EvaluationContext) => {
  const { tests, limit, seed } = context
  const perplexity: Record<string, number> = {}
  const perplexityCi95: Record<string, Range> = {}
  for (const [split, texts] of Object.entries(tests.texts)) {
    const requests = texts.slice(0, limit).map((text) => {
      const [first] = text // a whole character, also beyond the basic plane
      return { prompt: first!, continuations: [text.slice(first!.length)] }
    })
    const scores = (await score(context, requests)).flat()
    const interval = bootstrap(
      scores.length,
      (rows) => {
        let [logProb, tokens] = [0, 0]
        for (const row of rows) {
          logProb += scores[row]!.logProb
          tokens += scores[row]!.tokens
        }
        return Math.exp(-logProb / tokens)
      },
      { seed },
    )
    perplexity[split] = interval.value
    perplexityCi95[split] = range(interval)
  }
  return { perplexity, perplexityCi95 }
}

const preferences = async (context: EvaluationContext, seed: number): Promise<Share> => {
  const { domain, tests, limit } = context
  const scores = await score(
    context,
    tests.preferences.slice(0, limit).map(({ prompt, chosen, rejected }) => ({
      prompt: domain.prompt(prompt),
      continuations: [chosen, rejected],
    })),
  )
  const perToken = (which: number) => scores.map((pair) => pair[which]!.logProb / pair[which]!.tokens)
  const { value, n, low, high } = preferenceAccuracy(perToken(0), perToken(1), { seed })
  return { value, n, ci95: [low, high] }
}
