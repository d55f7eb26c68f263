import { bootstrapMean } from '../statistics/bootstrap'
import { type AnswerOptions, answerRequests } from './answer'
import type { EvaluatedModel, GenerateRequest } from './model'
import { type Measure, measureOf, type SummaryOptions } from './result'

/** Two answers to one question. */
export interface AnswerPair {
  readonly id: string
  readonly question: string
  readonly first: string
  readonly second: string
  /** A good answer for the judge to compare with. */
  readonly reference?: string
}

/** Which answer a judge prefers; `unread` where its text names none. */
export type Verdict = 'first' | 'second' | 'tie' | 'unread'

/** How pairs are judged. */
export interface JudgeOptions extends AnswerOptions {
  /** The judge, such as `openaiModel({ … })`. */
  readonly judge: EvaluatedModel
  readonly pairs: readonly AnswerPair[]
  /**
   * Most that may be spent; pairs beyond it are left unjudged. Cost of a pair is that of its two requests, by `costOf`, which counts
   * the characters of the prompt and the most tokens of the answer unless given, so that the cap holds whatever the judge writes.
   */
  readonly budget?: { readonly limit: number; readonly costOf?: (prompt: string, maxTokens: number) => number }
  /** Writes the judge's prompt; ours asks for `[[A]]`, `[[B]]` or `[[C]]` at the end. */
  readonly prompt?: (pair: AnswerPair) => string
  readonly maxTokens?: number
  readonly bootstrap?: SummaryOptions
}

/** What the judge said about one pair. */
export interface JudgedPair {
  readonly id: string
  /** With the first answer shown first, and with the second shown first (in terms of the pair, not of the order shown). */
  readonly verdicts: readonly [Verdict, Verdict] | undefined
  /** The verdict where both orders agree, a tie where they do not. */
  readonly outcome: 'first' | 'second' | 'tie' | undefined
  readonly texts: readonly string[]
  /** Why it was not judged. */
  readonly error?: string
}

/** Result of a comparison by a judge. */
export interface JudgeResult {
  /** Wins of the first answers plus half the ties, over the judged pairs. */
  readonly winRate: Measure | undefined
  readonly wins: number
  readonly losses: number
  readonly ties: number
  /** Share of judged pairs on which both orders gave the same verdict: low means that the judge goes by position. */
  readonly agreement: number
  /** Share of all verdicts for the answer shown first, ties left out; 0.5 is unbiased. */
  readonly firstShownPreferred: number
  readonly pairs: readonly JudgedPair[]
  /** Pairs beyond the budget. */
  readonly unjudged: number
  /** Pairs on which the judge failed or could not be read in either order. */
  readonly failed: number
  /** Cost of the prompts, in the unit of `costOf`. */
  readonly cost: number
}

/**
 * Pairwise comparison by a judge, each pair in both orders, within a budget. A verdict counts only if it survives the swap.
 *
 * @see Zheng et al. 2023 (https://arxiv.org/abs/2306.05685)
 */
export async function judgePairs(options: JudgeOptions): Promise<JudgeResult> {
  const { judge, pairs, budget, prompt = judgePrompt, maxTokens = 512, bootstrap = {}, ...asking } = options
  const prompts = pairs.map(
    (pair) => [prompt(pair), prompt({ ...pair, first: pair.second, second: pair.first })] as const,
  )
  const { affordable, cost } = withinBudget(prompts, maxTokens, budget)
  const requests = prompts.slice(0, affordable).flatMap((orders, i) =>
    orders.map(
      (text, order): GenerateRequest => ({
        kind: 'generate',
        id: `judge/${pairs[i]!.id}/${order}`,
        prompt: text,
        maxTokens,
      }),
    ),
  )
  const answers = await answerRequests(judge, requests, asking)
  const judged = pairs.map((pair, i): JudgedPair => {
    if (i >= affordable)
      return { id: pair.id, verdicts: undefined, outcome: undefined, texts: [], error: 'beyond the budget' }
    const [straight, swapped] = [answers[2 * i]!, answers[2 * i + 1]!]
    const texts = [straight, swapped].flatMap((answer) => ('text' in answer ? [answer.text] : []))
    if (texts.length < 2)
      return {
        id: pair.id,
        verdicts: undefined,
        outcome: undefined,
        texts,
        error: errorOf(straight) ?? errorOf(swapped)!,
      }
    const verdicts = [readVerdict(texts[0]!), swap(readVerdict(texts[1]!))] as const
    if (verdicts.includes('unread'))
      return { id: pair.id, verdicts, outcome: undefined, texts, error: 'the judge named no winner' }
    return {
      id: pair.id,
      verdicts,
      outcome: verdicts[0] === verdicts[1] ? (verdicts[0] as 'first' | 'second' | 'tie') : 'tie',
      texts,
    }
  })
  return { ...summary(judged, bootstrap), pairs: judged, unjudged: pairs.length - affordable, cost }
}

const errorOf = (answer: object): string | undefined => ('error' in answer ? String(answer.error) : undefined)

function withinBudget(
  prompts: readonly (readonly [string, string])[],
  maxTokens: number,
  budget: JudgeOptions['budget'],
): { affordable: number; cost: number } {
  const { limit = Number.POSITIVE_INFINITY, costOf = (text: string, tokens: number) => text.length + tokens } =
    budget ?? {}
  let cost = 0
  for (const [i, [one, other]] of prompts.entries()) {
    const next = cost + costOf(one, maxTokens) + costOf(other, maxTokens)
    if (next > limit) return { affordable: i, cost }
    cost = next
  }
  return { affordable: prompts.length, cost }
}

/** The last `[[A]]`, `[[B]]` or `[[C]]` of a text. */
function readVerdict(text: string): Verdict {
  const mark = [...text.matchAll(/\[\[([ABC])\]\]/g)].at(-1)?.[1]
  return mark === 'A' ? 'first' : mark === 'B' ? 'second' : mark === 'C' ? 'tie' : 'unread'
}

const swap = (verdict: Verdict): Verdict => (verdict === 'first' ? 'second' : verdict === 'second' ? 'first' : verdict)

function summary(
  judged: readonly JudgedPair[],
  draws: SummaryOptions,
): Omit<JudgeResult, 'pairs' | 'unjudged' | 'cost'> {
  const decided = judged.filter((pair) => pair.outcome !== undefined)
  const count = (outcome: string): number => decided.filter((pair) => pair.outcome === outcome).length
  const points = decided.map(({ outcome }) => (outcome === 'first' ? 1 : outcome === 'second' ? 0 : 0.5))
  const agreeing = decided.filter(({ verdicts }) => verdicts![0] === verdicts![1]).length
  const shownFirst = decided.flatMap(({ verdicts }) => [
    ...(verdicts![0] === 'tie' ? [] : [verdicts![0] === 'first']),
    ...(verdicts![1] === 'tie' ? [] : [verdicts![1] === 'second']),
  ])
  return {
    winRate: points.length === 0 ? undefined : measureOf(bootstrapMean(points, draws), points.length),
    wins: count('first'),
    losses: count('second'),
    ties: count('tie'),
    agreement: agreeing / decided.length,
    firstShownPreferred: shownFirst.filter(Boolean).length / shownFirst.length,
    failed: judged.filter((pair) => pair.outcome === undefined && pair.error !== 'beyond the budget').length,
  }
}

/** The judge's prompt unless another is given. */
export function judgePrompt({ question, first, second, reference }: AnswerPair): string {
  const known = reference === undefined ? '' : `\n【参考回答】\n${reference}\n`
  return [
    '请你作为公正的医学评审，比较两个助手对患者问题的回答。',
    '按医学正确性、安全性、是否切题、表达是否清楚来判断；不要受回答的先后顺序和长短影响。',
    `\n【问题】\n${question}\n${known}`,
    `【助手A的回答】\n${first}\n`,
    `【助手B的回答】\n${second}\n`,
    '先用一两句话说明理由，最后单独一行给出结论：A更好写[[A]]，B更好写[[B]]，不分上下写[[C]]。',
  ].join('\n')
}
