import { type BootstrapOptions, bootstrap, bootstrapMean, type Interval } from '../statistics/bootstrap'
import { type CmexamBleuOptions, cmexamBleuOf, cmexamBleuStatistics } from './bleu-cmexam'
import { sumRows } from './corpus-metric'
import { cmexamRougeRows } from './rouge-cmexam'

/** The text columns of the paper's tables in percent, each with its bootstrap interval over the rows. */
export interface CmexamTextScores {
  readonly bleu1: Interval
  readonly bleu4: Interval
  readonly rouge1: Interval
  readonly rouge2: Interval
  readonly rougeL: Interval
  readonly n: number
}

/**
 * BLEU-1, BLEU-4, ROUGE-1, ROUGE-2 and ROUGE-L (F values) as the official scripts compute them, with intervals: the columns of
 * the paper's Tables 5 and 6.
 *
 * @param options.tokens  what BLEU counts; ROUGE always counts characters
 * @throws MetricsError `length-mismatch`, `empty`
 */
export function cmexamTextScores(
  predictions: readonly string[],
  references: readonly string[],
  { tokens = 'char', ...draws }: Pick<CmexamBleuOptions, 'tokens'> & BootstrapOptions = {},
): CmexamTextScores {
  const statistics = cmexamBleuStatistics(predictions, references, { tokens })
  const bleu = (order: number): Interval =>
    bootstrap(predictions.length, (rows) => cmexamBleuOf(sumRows(statistics, rows), 4, false, order).score, draws)
  const rouge = cmexamRougeRows(predictions, references)
  const mean = (rows: readonly { readonly f: number }[]): Interval =>
    bootstrapMean(
      rows.map((row) => 100 * row.f),
      draws,
    )
  return {
    bleu1: bleu(1),
    bleu4: bleu(4),
    rouge1: mean(rouge.rouge1),
    rouge2: mean(rouge.rouge2),
    rougeL: mean(rouge.rougeL),
    n: predictions.length,
  }
}
