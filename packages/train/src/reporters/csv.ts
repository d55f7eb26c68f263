import type { EvalEnd, StepEnd, StepRecord } from '../loop/events'
import { logFile } from './log-file'
import type { Reporter } from './reporter'

/**
 * A reporter that writes one CSV row per step and per evaluation (column `split`: train or eval), with one column per
 * metric. A new run starts the file anew, a resumed one goes on with it, every step once.
 *
 * @throws TrainError `report-write` from the reporter when the file cannot be written
 */
export const csv = (path: string): Reporter => {
  const file = logFile(path)
  let metrics: readonly string[] | undefined
  const row = async (split: 'train' | 'eval', event: StepEnd | EvalEnd): Promise<void> => {
    if (!metrics) {
      metrics = Object.keys(event.metrics)
      await file.append([...leading, ...metrics].map(quoted).join(','))
    }
    const { epoch = '', learningRate = '', gradNorm = '' } = event as Partial<StepRecord>
    const values = [
      event.step,
      epoch,
      event.loss,
      learningRate,
      gradNorm,
      ...metrics.map((name) => event.metrics[name] ?? ''),
    ]
    await file.append([split, ...values].join(','))
  }
  return async (event) => {
    if (event.type === 'run-start') {
      await file.rewind(
        (line) => event.step > 0 && (line.startsWith('split,') || Number(line.split(',')[1]) <= event.step),
      )
      if (event.history.length > 0) metrics = Object.keys(event.history[0]!.metrics)
    }
    if (event.type === 'step-end') await row('train', event)
    if (event.type === 'eval-end') await row('eval', event)
  }
}

const leading = ['split', 'step', 'epoch', 'loss', 'learning_rate', 'grad_norm']

const quoted = (name: string): string => (/[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)
