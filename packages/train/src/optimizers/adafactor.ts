import {
  add,
  div,
  type FlatEntry,
  type FlatLayout,
  flatLayout,
  flattenBy,
  maximum,
  mean,
  mul,
  rsqrt,
  sqrt,
  square,
  sub,
  type Tensor,
  unflatten,
  unsqueeze,
} from '@qilin-med/tensor'
import { decaysByName, type Optimizer, type OptimizerOptions, scheduleOf } from './optimizer'

/** Options of `adafactor`; the defaults are those of transformers. */
export interface AdafactorOptions extends Partial<OptimizerOptions> {
  /** Added to squared gradients, and the lowest scale of a parameter. */
  readonly epsilons?: readonly [number, number]
  /** Largest root mean square of an update. */
  readonly clipThreshold?: number
  /** Exponent of the growing memory 1 − t^decayRate. */
  readonly decayRate?: number
  /** Decay of a first moment; absent: none is kept. */
  readonly beta1?: number | undefined
  /** Steps in proportion to the parameter's root mean square. */
  readonly scaleParameter?: boolean
  /** Rate min(0.01, 1/√t) instead of `learningRate`; the default when no learning rate is given. */
  readonly relativeStep?: boolean
  /** With `relativeStep`: rate min(t · 1e-6, 1/√t). */
  readonly warmupInit?: boolean
}

/**
 * Adafactor: keeps the second moment of a matrix as one vector per row and one per column.
 *
 * @see Shazeer and Stern 2018 (https://arxiv.org/abs/1804.04235); numbers equal `transformers.optimization.Adafactor`
 */
export const adafactor = (options: AdafactorOptions = {}): Optimizer => {
  const settings = withDefaults(options)
  const { beta1, decayRate, warmupInit, relativeStep, learningRate } = settings
  const relativeRate = (step: number) => Math.min(warmupInit ? 1e-6 * (step + 1) : 1e-2, 1 / Math.sqrt(step + 1))
  const { learningRate: _, decays: __, rateScale: ___, ...plain } = settings
  return {
    name: 'adafactor',
    learningRate: relativeStep ? relativeRate : scheduleOf(learningRate),
    settings: plain,
    init: (layout) => {
      const sizes = Object.entries(stateLayouts(layout, beta1)).filter(([, { size }]) => size > 0)
      return Object.fromEntries(sizes.map(([name, { size }]) => [name, new Float32Array(size)]))
    },
    scalars: (step, rate) => {
      const fresh = (step + 1) ** decayRate // 1 − β₂ₜ
      return { rate, fresh, kept: 1 - fresh }
    },
    update: ({ parameters, gradients, state, scalars }, layout) => {
      const layouts = stateLayouts(layout, beta1)
      const moments = mapValues(state, (flat, name) => unflatten(flat, layouts[name]!))
      const [p, g] = [unflatten(parameters, layout), unflatten(gradients, layout)]
      const results = layout.entries.map(({ name, shape }) => {
        const before = mapValues(moments, (byName) => byName[name])
        return [name, updateOne({ name, shape }, p[name]!, g[name]!, before, scalars, settings)] as const
      })
      const next = (pick: (result: Updated) => Tensor | undefined) =>
        Object.fromEntries(results.map(([name, result]) => [name, pick(result)!]))
      return {
        parameters: flattenBy(
          next((result) => result.parameter),
          layout,
        ),
        state: mapValues(state, (_, slot) =>
          flattenBy(
            next(({ moments: after }) => after[slot]),
            layouts[slot]!,
          ),
        ),
      }
    },
  }
}

const withDefaults = ({ learningRate, ...options }: AdafactorOptions) => ({
  epsilons: [1e-30, 1e-3] as const,
  clipThreshold: 1,
  decayRate: -0.8,
  beta1: undefined as number | undefined,
  scaleParameter: true,
  relativeStep: learningRate === undefined,
  warmupInit: false,
  weightDecay: 0,
  decays: decaysByName,
  rateScale: () => 1,
  ...options,
  learningRate: learningRate ?? 1e-3,
})

interface Updated {
  readonly parameter: Tensor
  readonly moments: Readonly<Record<string, Tensor | undefined>>
}

const updateOne = (
  { name, shape }: Pick<FlatEntry, 'name' | 'shape'>,
  p: Tensor,
  g: Tensor,
  before: Readonly<Record<string, Tensor | undefined>>,
  { rate, fresh, kept }: Readonly<Record<string, Tensor>>,
  { epsilons, clipThreshold, scaleParameter, beta1, weightDecay, ...groups }: ReturnType<typeof withDefaults>,
): Updated => {
  const own = mul(rate!, groups.rateScale(name, shape))
  const step = scaleParameter ? mul(own, maximum(rootMeanSquare(p), epsilons[1])) : own
  const squares = add(square(g), epsilons[0])
  const mixed = (slot: string, now: Tensor) => add(mul(before[slot]!, kept!), mul(now, fresh!))
  const second: Record<string, Tensor> =
    shape.length < 2
      ? { secondMoment: mixed('secondMoment', squares) }
      : {
          rowMoment: mixed('rowMoment', mean(squares, { axes: -1 })),
          columnMoment: mixed('columnMoment', mean(squares, { axes: -2 })),
        }
  const direction = mul(g, second.secondMoment ? rsqrt(second.secondMoment) : factoredRsqrt(second))
  const change = mul(div(direction, maximum(div(rootMeanSquare(direction), clipThreshold), 1)), step)
  const firstMoment = beta1 === undefined ? undefined : add(mul(before.firstMoment!, beta1), mul(change, 1 - beta1))
  const decay = weightDecay !== 0 && groups.decays(name, shape)
  const start = decay ? sub(p, mul(p, mul(step, weightDecay))) : p
  return { parameter: sub(start, firstMoment ?? change), moments: { ...second, firstMoment } }
}

/** 1/√ of the outer product of row and column moments over the mean of the rows. */
const factoredRsqrt = ({ rowMoment: row, columnMoment: column }: Readonly<Record<string, Tensor>>): Tensor =>
  mul(unsqueeze(rsqrt(div(row!, mean(row!, { axes: -1, keepAxes: true }))), -1), unsqueeze(rsqrt(column!), -2))

const rootMeanSquare = (x: Tensor): Tensor => sqrt(mean(square(x)))

/** Where each parameter's moments lie: rows and columns of matrices, vectors as they are. */
const stateLayouts = (layout: FlatLayout, beta1: number | undefined): Readonly<Record<string, FlatLayout>> => {
  const matrices = layout.entries.filter(({ shape }) => shape.length >= 2)
  const vectors = layout.entries.filter(({ shape }) => shape.length < 2)
  return {
    rowMoment: flatLayout(matrices.map(({ name, shape }) => ({ name, shape: shape.slice(0, -1) }))),
    columnMoment: flatLayout(matrices.map(({ name, shape }) => ({ name, shape: shape.toSpliced(-2, 1) }))),
    secondMoment: flatLayout(vectors),
    ...(beta1 !== undefined && { firstMoment: layout }),
  }
}

const mapValues = <V, R>(record: Readonly<Record<string, V>>, map: (value: V, key: string) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]))
