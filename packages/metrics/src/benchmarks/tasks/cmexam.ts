import { basename } from 'node:path'
import { cmexamLoraExtractor, cmexamRegexExtractor, qilinCmexamExtractor } from '../../extract/cmexam'
import type { AnswerExtractor } from '../../extract/extractor'
import { parseOptions } from '../../extract/extractor'
import { strictExtractor } from '../../extract/strict'
import { cmexamTextScores } from '../../text/cmexam-scores'
import type { Tokenizer } from '../../text/tokenizer'
import type { Answer } from '../answer'
import type { ModelRequest } from '../model'
import type { ChoiceQuestion } from '../prompts/choice-prompt'
import { type CmexamPreset, cmexamExplanationPrompter, cmexamPrompter } from '../prompts/cmexam'
import { type Dropped, dropLog, readRows } from '../read-rows'
import { type Measure, measureOf, type PreparedTask, type RowResult, type Task } from '../result'
import { type ChoiceScoring, checkScoring, choiceMeasures, choiceRequest, choiceRow, groupedAccuracy } from './choice'

/** Named readers of CMExam answers. */
export type CmexamExtractor = 'strict' | 'qilin-scripts' | 'cmexam-lora' | 'cmexam-regex'

/** Options of the CMExam benchmark. */
export interface CmexamOptions {
  /** The official CSV (or its rows as JSONL), or questions already read. */
  readonly data: string | readonly ChoiceQuestion[]
  readonly preset?: CmexamPreset
  /** `generation` by default. Likelihoods cannot choose several letters. */
  readonly scoring?: ChoiceScoring
  /** The preset's own reader by default: `strict` for `default`. */
  readonly extractor?: CmexamExtractor | AnswerExtractor
  /** Worked examples before each question, from `examples`; 0 by default. */
  readonly shots?: number
  readonly examples?: readonly ChoiceQuestion[]
  /** Ask for an explanation as well and score it with BLEU and ROUGE: the other columns of Table 5. */
  readonly explanations?: boolean
  /** What BLEU counts: characters, or words by passing what `loadJieba` gives. */
  readonly bleuTokens?: 'char' | 'visible' | Tokenizer
  /** Only the first so many questions. */
  readonly limit?: number
  readonly maxTokens?: number
  readonly explanationTokens?: number
}

const extractors: Readonly<Record<CmexamExtractor, AnswerExtractor>> = {
  strict: strictExtractor,
  'qilin-scripts': qilinCmexamExtractor,
  'cmexam-lora': cmexamLoraExtractor,
  'cmexam-regex': cmexamRegexExtractor,
}

const ownExtractor: Readonly<Record<CmexamPreset, CmexamExtractor>> = {
  default: 'strict',
  'qilin-scripts': 'qilin-scripts',
  'cmexam-lora': 'cmexam-lora',
}

/**
 * CMExam: accuracy and weighted F1 of the answers, BLEU and ROUGE of the explanations (Table 5), accuracy by the five annotations.
 *
 * @see Liu et al. 2023 (https://arxiv.org/abs/2306.03030)
 */
export function cmexam(options: CmexamOptions): Task {
  const {
    data,
    preset = 'default',
    scoring = 'generation',
    shots = 0,
    examples = [],
    explanations = false,
    limit,
  } = options
  const { maxTokens = 50, explanationTokens = 256, bleuTokens = 'char' } = options
  const named = options.extractor ?? ownExtractor[preset]
  const extractor = typeof named === 'string' ? extractors[named] : named
  checkScoring('cmexam', scoring)
  const prompter = cmexamPrompter(preset)
  const explain = cmexamExplanationPrompter(preset)
  const settings = { scoring, extractor, maxTokens }
  const name = 'cmexam'

  async function prepare(): Promise<PreparedTask> {
    const { questions, dropped } =
      typeof data === 'string' ? await readCmexam(data) : { questions: data, dropped: [] as Dropped[] }
    const asked = questions.slice(0, limit)
    const prompts = asked.map((question) => prompter(question, examples.slice(0, shots)))
    const explained = explanations ? asked.filter((question) => question.explanation !== undefined) : []
    const requests: ModelRequest[] = [
      ...asked.map((question, i) => choiceRequest(name, question, prompts[i]!, settings)),
      ...explained.map(
        (question): ModelRequest => ({
          kind: 'generate',
          id: `${name}/${question.id}/explanation`,
          prompt: explain(question),
          maxTokens: explanationTokens,
        }),
      ),
    ]
    return {
      requests,
      summarize(answers, draws) {
        const texts = new Map(explained.map((question, i) => [question.id, answers[asked.length + i]!]))
        const rows = asked.map((question, i) =>
          withExplanation(choiceRow(question, prompts[i]!, answers[i]!, settings), texts.get(question.id)),
        )
        return {
          task: name,
          title: 'CMExam',
          settings: {
            data: typeof data === 'string' ? basename(data) : 'given questions',
            preset,
            scoring,
            extractor: typeof named === 'string' ? named : 'custom',
            shots,
            maxTokens,
            ...(explanations && { explanationTokens }),
            bleuTokens: typeof bleuTokens === 'string' ? bleuTokens : bleuTokens.name,
          },
          measures: { ...choiceMeasures(rows, draws), ...explanationMeasures(explained, texts, bleuTokens, draws) },
          groups: groupedAccuracy(rows, draws),
          rows,
          failed: rows.filter((row) => row.error !== undefined).length,
          dropped,
        }
      },
    }
  }
  return { name, prepare }
}

/** The row with its explanation; a failed one marks the row, whose answer still counts. */
function withExplanation(row: RowResult, answer: Answer | undefined): RowResult {
  if (answer === undefined) return row
  if ('text' in answer) return { ...row, outputs: [...row.outputs, answer.text] }
  return { ...row, error: row.error ?? `explanation: ${'error' in answer ? answer.error : 'no text'}` }
}

function explanationMeasures(
  explained: readonly ChoiceQuestion[],
  texts: ReadonlyMap<string, Answer>,
  tokens: 'char' | 'visible' | Tokenizer,
  draws: { readonly samples?: number; readonly seed?: number },
): Record<string, Measure> {
  const pairs = explained.flatMap((question) => {
    const answer = texts.get(question.id)!
    return 'text' in answer ? [{ said: answer.text.trim(), wanted: question.explanation! }] : []
  })
  if (pairs.length === 0) return {}
  const scores = cmexamTextScores(
    pairs.map((pair) => pair.said),
    pairs.map((pair) => pair.wanted),
    { tokens, ...draws },
  )
  const { n, ...columns } = scores
  return Object.fromEntries(Object.entries(columns).map(([key, interval]) => [key, measureOf(interval, n)]))
}

const annotations = [
  'Disease Group',
  'Area of Competency',
  'Clinical Department',
  'Medical Discipline',
  'Difficulty level',
]

/**
 * The questions of a CMExam file. Rows without an answer, or with one that is not among the options, are left out and reported;
 * explanations that are missing or the text `nan` are not asked for.
 *
 * @throws MetricsError `data` for a file that cannot be read
 */
export async function readCmexam(path: string): Promise<{ questions: ChoiceQuestion[]; dropped: Dropped[] }> {
  const log = dropLog()
  const questions: ChoiceQuestion[] = []
  for (const { line, values } of await readRows(path)) {
    const text = (key: string): string | undefined => {
      const value = values[key]
      return typeof value === 'string' && value !== '' && value !== 'nan' ? value : undefined
    }
    const [question, stored, answer] = [
      text('Question'),
      text('Options')?.replaceAll('\\n', '\n'),
      text('Answer')?.trim(),
    ]
    const options = parseOptions(stored ?? '')
    const fault =
      question === undefined
        ? 'no question'
        : options.length === 0
          ? 'no options'
          : answer === undefined
            ? 'no answer'
            : [...answer].some((letter) => !options.some((option) => option.letter === letter))
              ? 'answer not among the options'
              : undefined
    if (fault !== undefined) {
      log.drop(fault, `line ${line}`)
      continue
    }
    const groups = Object.fromEntries(
      annotations.flatMap((key) => (text(key) === undefined ? [] : [[key, text(key)!]])),
    )
    const explanation = text('Explanation')
    questions.push({
      id: String(line),
      question: question!,
      options,
      optionsText: stored!,
      answer: answer!,
      ...(explanation !== undefined && { explanation }),
      ...(Object.keys(groups).length > 0 && { groups }),
    })
  }
  return { questions, dropped: log.list() }
}
