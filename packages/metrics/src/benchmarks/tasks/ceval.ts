import { MetricsError } from '../../errors'
import { cevalLlamaExtractor, qilinCevalExtractor } from '../../extract/ceval'
import type { AnswerExtractor } from '../../extract/extractor'
import { strictExtractor } from '../../extract/strict'
import { numpyRandom } from '../../statistics/random'
import { type CevalPreset, cevalPrompter } from '../prompts/ceval'
import { cevalSubjects } from '../prompts/ceval-subjects'
import type { ChoiceQuestion } from '../prompts/choice-prompt'
import type { PreparedTask, RowResult, Task } from '../result'
import {
  type ChoiceScoring,
  checkScoring,
  choiceMeasures,
  choiceRequest,
  choiceRow,
  groupedAccuracy,
  macroAccuracy,
} from './choice'
import { mergeDropped, readSubject, type SubjectLayout } from './subjects'

/** Named readers of generated C-Eval answers. */
export type CevalExtractor = 'strict' | 'qilin-scripts' | 'ceval'

/** Options of the C-Eval benchmark. */
export interface CevalOptions {
  /** Folder with `dev`, `val` and `test`, one CSV a subject. */
  readonly data: string
  /** `val` by default; `test` has no answers and gives a submission file. */
  readonly split?: 'val' | 'test'
  /** Keys such as `physician`; all 52 by default. */
  readonly subjects?: readonly string[]
  readonly preset?: CevalPreset
  /** By default what the preset's implementation does. */
  readonly scoring?: ChoiceScoring
  /** Reader of generated answers; by default the preset's own. */
  readonly extractor?: CevalExtractor | AnswerExtractor
  /** Worked examples from `dev`; 5 by default. */
  readonly shots?: number
  /** Ask for a chain of thought (`ceval` and `qilin-scripts`). */
  readonly thought?: boolean
  /** Only the first so many questions of each subject. */
  readonly limit?: number
  readonly maxTokens?: number
  /** Draws the order of examples where the preset's implementation draws it unseeded (`llamafactory`); 0 by default. */
  readonly seed?: number
}

const extractors: Readonly<Record<CevalExtractor, AnswerExtractor>> = {
  strict: strictExtractor,
  'qilin-scripts': qilinCevalExtractor,
  ceval: cevalLlamaExtractor,
}

const layout: SubjectLayout = {
  file: (split, subject) => `${split}/${subject}_${split}.csv`,
  question: 'question',
  answer: 'answer',
  id: 'id',
}

/**
 * C-Eval: accuracy by subject and category, as mean of subjects (macro, the paper's Table 4) and of questions (micro, lm-eval and
 * LLaMA-Factory); a submission file for the test split.
 *
 * @throws MetricsError `option` for a subject that C-Eval does not have
 * @see Huang et al. 2023 (https://arxiv.org/abs/2305.08322)
 */
export function ceval(options: CevalOptions): Task {
  const {
    data,
    split = 'val',
    subjects = Object.keys(cevalSubjects),
    preset = 'default',
    shots = 5,
    limit,
    seed = 0,
  } = options
  const { thought = false } = options
  const unknown = subjects.find((subject) => !Object.hasOwn(cevalSubjects, subject))
  if (unknown !== undefined)
    throw new MetricsError(
      'option',
      `ceval: expected subjects of C-Eval, got '${unknown}'. Use keys such as physician.`,
      { operation: 'ceval' },
    )
  const scoring = options.scoring ?? usualScoring(preset, shots, thought)
  const named = options.extractor ?? (preset === 'qilin-scripts' ? 'qilin-scripts' : thought ? 'ceval' : 'strict')
  const maxTokens = options.maxTokens ?? (preset === 'qilin-scripts' ? 10 : thought ? 256 : 16)
  const settings = { scoring, extractor: typeof named === 'string' ? extractors[named] : named, maxTokens }
  checkScoring('ceval', scoring)
  const prompter = cevalPrompter(preset, { thought })

  async function prepare(): Promise<PreparedTask> {
    const parts = await Promise.all(subjects.map((subject) => readSubject(data, split, subject, layout)))
    const examples =
      shots === 0 ? [] : await Promise.all(subjects.map((subject) => readSubject(data, 'dev', subject, layout)))
    const asked = parts.flatMap(({ questions }, s) =>
      questions.slice(0, limit).map((question, i) => {
        const pool = examples[s]?.questions ?? []
        const chosen = preset === 'llamafactory' ? shuffled(pool, seed + i) : pool
        return { question: withGroups(question), prompt: prompter(question, chosen.slice(0, shots)) }
      }),
    )
    return {
      requests: asked.map(({ question, prompt }) => choiceRequest('ceval', question, prompt, settings)),
      summarize(answers, draws) {
        const rows = asked.map(({ question, prompt }, i) => choiceRow(question, prompt, answers[i]!, settings))
        const macro = macroAccuracy(rows, 'subject', draws)
        return {
          task: 'ceval',
          title: 'C-Eval',
          settings: {
            split,
            preset,
            scoring,
            shots,
            thought,
            maxTokens,
            extractor: typeof named === 'string' ? named : 'custom',
            subjects: subjects.length,
          },
          measures: { ...(macro && { macroAccuracy: macro }), ...choiceMeasures(rows, draws) },
          groups: groupedAccuracy(rows, draws),
          rows,
          failed: rows.filter((row) => row.error !== undefined).length,
          dropped: mergeDropped(parts.map((part) => part.dropped)),
          ...(split === 'test' && { submission: submissionOf(rows) }),
        }
      },
    }
  }
  return { name: 'ceval', prepare }
}

/** What the preset's implementation does. */
function usualScoring(preset: CevalPreset, shots: number, thought: boolean): ChoiceScoring {
  if (preset === 'qilin-scripts') return shots > 0 ? 'generation' : 'first-token'
  if (thought) return 'generation'
  return preset === 'lm-eval' ? 'likelihood' : 'first-token'
}

const withGroups = (question: ChoiceQuestion): ChoiceQuestion => ({
  ...question,
  groups: { subject: question.subject!, category: cevalSubjects[question.subject!]![1] },
})

/** The submission file of the benchmark's server: subject → number of the question → letter. */
function submissionOf(rows: readonly RowResult[]): Record<string, Record<string, string>> {
  const subjects: Record<string, Record<string, string>> = {}
  for (const row of rows) {
    const [subject, number] = row.id.split('/') as [string, string]
    subjects[subject] ??= {}
    subjects[subject][number] = row.predicted ?? ''
  }
  return subjects
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const result = [...list]
  const random = numpyRandom(seed)
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.integers(i + 1, new Int32Array(1))[0]!
    ;[result[i], result[j]] = [result[j]!, result[i]!]
  }
  return result
}
