import { TrainError } from '../errors'
import { lossOf, type Sums } from './averages'
import type { StepPlace } from './session'

/**
 * @param folder of the checkpoints, for the sentence
 * @throws TrainError `non-finite` naming the step, when its loss or gradient is no finite number
 */
export const requireFinite = (
  { step }: StepPlace,
  reports: readonly Sums[],
  folder: string | undefined,
  gradNorm = 0,
): void => {
  const loss = lossOf(reports)
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return
  const [what, value] = Number.isFinite(loss) ? ['gradient norm', gradNorm] : ['loss', loss]
  const earlier = folder === undefined ? '' : ` Earlier checkpoints in ${folder} are intact.`
  throw new TrainError(
    'non-finite',
    `train: the ${what} of step ${step + 1} must be finite, got ${value}. Lower the learning rate, or look for the row.${earlier}`,
    { step: step + 1, ...(folder !== undefined && { path: folder }) },
  )
}
