import type { Kind } from '../kind'
import { classificationCases } from './text-metrics/classification'
import { jiebaCases } from './text-metrics/jieba'
import { probabilityCases } from './text-metrics/probabilities'
import { rougeCases } from './text-metrics/rouge'
import { sacrebleuCases } from './text-metrics/sacrebleu'
import { significanceCases } from './text-metrics/significance'
import { testCases } from './text-metrics/tests'
import { answerCases, nltkCases } from './text-metrics/texts'

/** Metrics: sacrebleu, ROUGE, NLTK, answer F1, scikit-learn, probabilities, statistical tests, jieba. */
export const kind: Kind = {
  prefix: 'text/metrics',
  discover: (folders) =>
    [
      sacrebleuCases,
      significanceCases,
      rougeCases,
      nltkCases,
      answerCases,
      classificationCases,
      probabilityCases,
      testCases,
      jiebaCases,
    ].flatMap((cases) => cases(folders)),
}
