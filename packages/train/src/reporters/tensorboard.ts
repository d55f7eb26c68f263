import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Reporter, writing } from './reporter'
import { sessionStart, summary, versionHeader } from './tensorboard/event'
import { record } from './tensorboard/record'

/** Options of `tensorboard`. */
export interface TensorboardOptions {
  /** Part of the file's name that TensorBoard does not read; default `qilin-med`. */
  readonly name?: string
  /** Seconds since 1970; default the system's clock. */
  readonly now?: () => number
}

/**
 * A reporter that writes a TensorBoard event file into `folder`, with the tags of transformers: `train/loss`,
 * `train/grad_norm`, `train/learning_rate`, `train/rewards/margins`, `eval/loss`, ... A resumed run writes a file of its
 * own that makes TensorBoard forget the steps it repeats.
 *
 * @throws TrainError `report-write` from the reporter when the file cannot be written
 */
export const tensorboard = (
  folder: string,
  { name = 'qilin-med', now = () => Date.now() / 1000 }: TensorboardOptions = {},
): Reporter => {
  let path: string | undefined
  const add = (event: Uint8Array) => writing(path!, () => appendFile(path!, record(event)))
  const open = async (step: number): Promise<void> => {
    const time = now()
    path = join(folder, `events.out.tfevents.${Math.floor(time)}.${name}.${step}`)
    await writing(path, async () => {
      await mkdir(folder, { recursive: true })
      await writeFile(path!, record(versionHeader(time)))
    })
    if (step > 0) await add(sessionStart(time, step + 1))
  }
  return async (event) => {
    if (event.type === 'run-start') await open(event.step)
    if (event.type !== 'step-end' && event.type !== 'eval-end') return
    if (path === undefined) await open(0)
    const split = event.type === 'step-end' ? 'train' : 'eval'
    const values: Record<string, number> = { loss: event.loss, ...event.metrics }
    if (event.type === 'step-end')
      Object.assign(values, { grad_norm: event.gradNorm, learning_rate: event.learningRate, epoch: event.epoch })
    await add(
      summary(
        now(),
        event.step,
        mapKeys(values, (key) => `${split}/${key}`),
      ),
    )
  }
}

const mapKeys = <V>(record: Readonly<Record<string, V>>, map: (key: string) => string): Record<string, V> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [map(key), value]))
