import { TrainError } from '../errors'
import { epochOrder } from './order'

/** How rows become steps. */
export interface BatchOptions {
  /** Rows of one micro-batch. */
  readonly rows: number
  /** Micro-batches of one optimiser step; default 1. */
  readonly accumulate?: number
}

/** How long a run is: `epochs` (a fraction is fine) or `steps`. */
export interface Length {
  readonly epochs?: number | undefined
  readonly steps?: number | undefined
}

/** Which rows every step reads. Computed from the step's number alone. */
export interface Plan {
  readonly totalSteps: number
  readonly stepsPerEpoch: number
  /** Epoch (from 0) that step `step` (from 0) belongs to. */
  epochOf(step: number): number
  /** Row numbers of each micro-batch of a step; the last step of an epoch may have fewer micro-batches and rows. */
  microBatches(step: number): Uint32Array[]
}

/** @throws TrainError `option` when a number is out of range, or neither or both of `epochs` and `steps` are given */
export const planSteps = (
  rows: number,
  { batch, length, seed, shuffle }: { batch: BatchOptions; length: Length; seed: number; shuffle: boolean },
): Plan => {
  const { rows: size, accumulate = 1 } = batch
  positiveInteger('batch.rows', size)
  positiveInteger('batch.accumulate', accumulate)
  const batches = Math.ceil(rows / size)
  const stepsPerEpoch = Math.ceil(batches / accumulate)
  let known: { epoch: number; order: Uint32Array } | undefined
  const orderOf = (epoch: number): Uint32Array => {
    if (known?.epoch !== epoch) known = { epoch, order: epochOrder(rows, { seed, epoch, shuffle }) }
    return known.order
  }
  return {
    totalSteps: totalSteps(stepsPerEpoch, length),
    stepsPerEpoch,
    epochOf: (step) => Math.floor(step / stepsPerEpoch),
    microBatches: (step) => {
      const order = orderOf(Math.floor(step / stepsPerEpoch))
      const first = (step % stepsPerEpoch) * accumulate
      const count = Math.min(accumulate, batches - first)
      return Array.from({ length: count }, (_, i) => order.subarray((first + i) * size, (first + i + 1) * size))
    },
  }
}

const totalSteps = (stepsPerEpoch: number, { epochs, steps }: Length): number => {
  if ((epochs === undefined) === (steps === undefined))
    throw new TrainError(
      'option',
      `train: expected one of epochs and steps, got ${epochs === undefined ? 'none' : 'both'}. Give one.`,
      { option: 'epochs' },
    )
  if (steps !== undefined) return positiveInteger('steps', steps)
  if (!(epochs! > 0 && Number.isFinite(epochs)))
    throw new TrainError('option', `train: epochs must be above 0, got ${epochs}. Use 1 for one pass.`, {
      option: 'epochs',
    })
  return Math.ceil(epochs! * stepsPerEpoch)
}

const positiveInteger = (option: string, value: number): number => {
  if (Number.isInteger(value) && value > 0) return value
  throw new TrainError('option', `train: ${option} must be an integer of at least 1, got ${value}. Correct it.`, {
    option,
  })
}
