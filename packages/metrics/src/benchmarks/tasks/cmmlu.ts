import type { AnswerExtractor } from '../../extract/extractor'
import { strictExtractor } from '../../extract/strict'
import { cmmluMedical } from '../prompts/ceval-subjects'
import { type CmmluPreset, cmmluPrompter } from '../prompts/cmmlu'
import type { PreparedTask, Task } from '../result'
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

/** Options of the CMMLU benchmark. */
export interface CmmluOptions {
  /** Folder with `dev` and `test`, one CSV a subject. */
  readonly data: string
  /** The nine subjects on medicine and health by default. */
  readonly subjects?: readonly string[]
  readonly preset?: CmmluPreset
  /** `likelihood` by default. */
  readonly scoring?: ChoiceScoring
  readonly extractor?: AnswerExtractor
  /** Worked examples from `dev`; 5 by default. */
  readonly shots?: number
  /** Only the first so many questions of each subject. */
  readonly limit?: number
  readonly maxTokens?: number
}

const layout: SubjectLayout = {
  file: (split, subject) => `${split}/${subject}.csv`,
  question: 'Question',
  answer: 'Answer',
  id: '',
}

/**
 * CMMLU: accuracy by subject, as mean of subjects (macro) and of questions (micro).
 *
 * @see Li et al. 2023 (https://arxiv.org/abs/2306.09212)
 */
export function cmmlu(options: CmmluOptions): Task {
  const {
    data,
    subjects = Object.keys(cmmluMedical),
    preset = 'default',
    scoring = 'likelihood',
    shots = 5,
    limit,
  } = options
  const { extractor = strictExtractor, maxTokens = 16 } = options
  const settings = { scoring, extractor, maxTokens }
  checkScoring('cmmlu', scoring)
  const prompter = cmmluPrompter(preset)

  async function prepare(): Promise<PreparedTask> {
    const parts = await Promise.all(subjects.map((subject) => readSubject(data, 'test', subject, layout)))
    const examples =
      shots === 0 ? [] : await Promise.all(subjects.map((subject) => readSubject(data, 'dev', subject, layout)))
    const asked = parts.flatMap(({ questions }, s) =>
      questions.slice(0, limit).map((question) => ({
        question: { ...question, groups: { subject: question.subject! } },
        prompt: prompter(question, (examples[s]?.questions ?? []).slice(0, shots)),
      })),
    )
    return {
      requests: asked.map(({ question, prompt }) => choiceRequest('cmmlu', question, prompt, settings)),
      summarize(answers, draws) {
        const rows = asked.map(({ question, prompt }, i) => choiceRow(question, prompt, answers[i]!, settings))
        const macro = macroAccuracy(rows, 'subject', draws)
        return {
          task: 'cmmlu',
          title: 'CMMLU (medical)',
          settings: { preset, scoring, shots, maxTokens, subjects: subjects.length },
          measures: { ...(macro && { macroAccuracy: macro }), ...choiceMeasures(rows, draws) },
          groups: groupedAccuracy(rows, draws),
          rows,
          failed: rows.filter((row) => row.error !== undefined).length,
          dropped: mergeDropped(parts.map((part) => part.dropped)),
        }
      },
    }
  }
  return { name: 'cmmlu', prepare }
}
