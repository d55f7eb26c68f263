import { array } from '../array'
import { subtractDims } from '../dimension'
import type { DType } from '../dtype'
import { cast } from '../ops/cast'
import { arange, dimensionSize } from '../ops/dimension-size'
import { einsum } from '../ops/einsum'
import * as e from '../ops/elementwise'
import { gatedSilu } from '../ops/gated'
import * as i from '../ops/indexing'
import { linear, matmul } from '../ops/matmul'
import { layerNorm, rmsNorm } from '../ops/normalization'
import { categorical, dropout, normal, randomWords, uniform } from '../ops/random'
import { argMax, logSumExp, max, mean, min, sum } from '../ops/reduce'
import * as r from '../ops/reshape'
import { rotary } from '../ops/rotary'
import * as p from '../ops/slice'
import { logSoftmax, softmax } from '../ops/softmax'
import { argSort, sort, topK } from '../ops/sort'
import { type QuantizeOptions, quantize } from '../quantize/weight'
import { constant, f16, f32, type Tensor } from '../tensor'
import { attentionCases } from './attention-cases'
import { bit, type Case, few, index, index32, positive, row, staircase, x } from './case'

const { neg, exp, sin, cos, tanh, sigmoid, softplus, erf, silu, gelu, geluTanh, logSigmoid, square } = e
const { abs, relu, sign, floor, ceil, round, log, sqrt, rsqrt, reciprocal } = e
const smooth = { neg, exp, sin, cos, tanh, sigmoid, softplus, erf, silu, gelu, geluTanh, logSigmoid, square }
const kinked = { abs, relu, sign, floor, ceil, round, clip: (t: Tensor) => e.clip(t, -1, 0.75) }
const aboveZero = { log, sqrt, rsqrt, reciprocal }

const { add, sub, mul, div, pow, maximum, minimum } = e
const { equal, less, lessEqual, greater, greaterEqual } = e

/** Every way in which two shapes can meet: equal, a missing axis, an axis of 1 on either side, a scalar. */
const meetings = [
  [
    ['A', 'B'],
    ['A', 'B'],
  ],
  [['A', 'B', 'C'], ['C']],
  [
    ['A', 1],
    [1, 'B'],
  ],
  [['B'], []],
  [
    ['A', 1, 'C'],
    ['B', 1],
  ],
] as const

const unaries = [
  ...Object.entries({ ...smooth, ...kinked }).map(([name, fn]) => row(name, [x('A', 'B')], fn)),
  ...Object.entries(aboveZero).map(([name, fn]) => row(name, [positive('A', 'B')], fn)),
  row('exp of a scalar', [x()], exp),
]

const binaries = meetings.flatMap(([a, b]) => [
  ...Object.entries({ add, sub, mul, maximum, minimum }).map(([name, fn]) =>
    row(`${name} [${a}] [${b}]`, [x(...a), x(...b)], fn),
  ),
  ...Object.entries({ div, pow }).map(([name, fn]) =>
    row(`${name} [${a}] [${b}]`, [positive(...a), positive(...b)], fn),
  ),
])

const comparisons = [
  ...Object.entries({ equal, less, lessEqual, greater, greaterEqual }).flatMap(([name, fn]) => [
    row(`${name} of floats`, [few('A', 'B'), few('B')], fn),
    row(`${name} of integers`, [index('A', 1), index('B')], fn),
  ]),
  row('and', [bit('A', 'B'), bit('B')], e.and),
  row('or', [bit('A', 'B'), bit('B')], e.or),
  row('not', [bit('A')], e.not),
  row('isNotANumber', [x('A')], (a) => e.isNotANumber(e.where(e.less(a, 0), Number.NaN, a))),
  row('div of integers', [index('A'), index('A')], (a, b) => div(sub(a, 5), add(b, 1))),
  row('where', [bit('B'), x('A', 'B'), x('A', 1)], (c, a, b) => e.where(c, a, b)),
  row('where with a number', [bit('A', 'B'), x('B')], (c, a) => e.where(c, a, -3)),
  row('cast to int64 and back', [x('A')], (a) => cast(cast(a, 'int64'), 'float32')),
  row('cast to bool', [few('A')], (a) => cast(a, 'bool')),
  row('where of booleans', [bit('A', 'B'), bit('B'), bit('A', 1)], e.where),
  row('notEqual', [few('A', 'B'), few('B')], e.notEqual),
  row('equal of booleans', [bit('A', 'B'), bit('B')], e.equal),
]

const reductions = [
  row('sum of all', [x('A', 'B')], (a) => sum(a)),
  row('sum of axis 0', [x('A', 'B', 'C')], (a) => sum(a, { axes: 0 })),
  row('sum of two axes, kept', [x('A', 'B', 'C')], (a) => sum(a, { axes: [0, -1], keepAxes: true })),
  row('mean of all', [x('A', 'B')], (a) => mean(a), 1),
  row('mean of an axis', [x('A', 'B')], (a) => mean(a, { axes: -1, keepAxes: true }), 1),
  row('max of all', [x('A', 'B')], (a) => max(a), 1),
  row('max of an axis', [x('A', 3)], (a) => max(a, { axes: -1 })),
  row('min of an axis', [x(3, 'A')], (a) => min(a, { axes: 0, keepAxes: true })),
  row('logSumExp of all', [x('A', 'B')], (a) => logSumExp(a), 1),
  row('logSumExp of an axis', [x('A', 3, 'B')], (a) => logSumExp(a, { axes: 1 })),
  row('argMax', [x('A', 3)], (a) => argMax(a)),
  row('argMax of ties', [few(3, 'A')], (a) => argMax(a, 0, { keepAxis: true })),
  row('softmax', [x('A', 'B')], (a) => softmax(a)),
  row('logSoftmax', [x('A', 'B')], (a) => logSoftmax(a)),
  row('softmax along the first axis', [x('A', 'B')], (a) => softmax(a, { axis: 0 })),
  row('logSoftmax along a middle axis', [x('A', 'B', 2)], (a) => logSoftmax(a, { axis: 1 })),
  row('cumulativeSum', [x('A', 'B')], (a) => i.cumulativeSum(a)),
  row('cumulativeSum, reverse', [x('A', 'B')], (a) => i.cumulativeSum(a, 0, { reverse: true })),
  row('cumulativeSum, exclusive', [x('A', 'B', 'C')], (a) => i.cumulativeSum(a, 1, { exclusive: true })),
  row('cumulativeSum, both', [x('A')], (a) => i.cumulativeSum(a, 0, { reverse: true, exclusive: true })),
  row('topK values', [x('A', 4)], (a) => topK(a, 2)[0]),
  row('topK indices', [few('A', 4)], (a) => topK(a, 3)[1]),
  row('topK along the first axis', [x(4, 'A')], (a) => topK(a, 3, { axis: 0 })[0]),
  row('topK of a named axis', [index('A', 'B')], (a) => topK(a, 1)[0], 1),
  row('sort', [x('A', 'B')], (a) => sort(a)),
  row('sort of ties, falling, along the first axis', [few('A', 'B')], (a) => sort(a, { axis: 0, descending: true })),
  row('sort of integers', [index('A', 'B')], (a) => sort(a)),
  row('argSort', [x('A', 'B')], (a) => argSort(a)),
  row('argSort of ties', [few('A', 'B', 4)], (a) => argSort(a)),
  row('argSort of ties, falling', [few('A', 4)], (a) => argSort(a, { descending: true })),
  row('argSort along the first axis', [few('A', 'B')], (a) => argSort(a, { axis: 0 })),
]

const shapes = [
  row('reshape', [x('A', 'B', 'C')], (a) => r.reshape(a, ['C', -1])),
  row('flatten', [x('A', 'B')], r.flatten),
  row('transpose', [x('A', 'B', 'C')], (a) => r.transpose(a, [2, 0, 1])),
  row('broadcastTo', [x(1, 'B')], (a) => r.broadcastTo(a, [2, 2, 'B'])),
  row('unbroadcast', [x('A', 'B')], (a) => r.unbroadcast(a, f32(1, 'B').shape)),
  row('squeeze', [x('A', 1, 'B')], (a) => r.squeeze(a, 1)),
  row('unsqueeze', [x('A', 'B')], (a) => r.unsqueeze(a, -1)),
  row('moveAxis', [x('A', 'B', 'C')], (a) => r.moveAxis(a, 0, -1)),
  row('slice', [x('A', 4)], (a) => p.slice(a, 1, 1, -1)),
  row('slice of a named axis', [x('A', 'B')], (a) => p.slice(a, 1, 1), 1),
  row('slice to a derived end', [x('A')], (a) => p.slice(a, 0, 0, subtractDims(a.shape[0]!, 1)), 1),
  row('split', [x('A', 5)], (a) => mul(p.split(a, 1, [2, 1, 2])[0]!, p.split(a, -1, [2, 1, 2])[2]!)),
  row('pad', [x('A', 'B')], (a) => p.pad(a, 1, 2, 1)),
  row('concat', [x('A', 'B'), x('A', 'C'), x('A', 1)], (...parts) => p.concat(parts, 1)),
  row('stack', [x('A'), x('A')], (...parts) => p.stack(parts)),
  row('gather', [x(3, 'B'), index('A', 'C')], (a, at) => i.gather(a, at)),
  row('gather along another axis', [x('A', 3, 'B'), index('C', 2)], (a, at) => i.gather(a, at, { axis: 1 })),
  row('gather from the end', [x(3, 'B'), index('A')], (a, at) => i.gather(a, sub(at, 3))),
  row('gather of int32', [x(3), index32('A')], (a, at) => i.gather(a, at)),
  row('scatterRows', [x('A', 'B'), index('A')], (a, at) => i.scatterRows(a, at, 3, a.shape.slice(1))),
  row('takeAlongAxis', [x('A', 3), index('A', 'B')], (a, at) => i.takeAlongAxis(a, at)),
  row('takeAlongAxis along the first axis', [x(3, 'A'), index('B', 'A')], (a, at) =>
    i.takeAlongAxis(a, at, { axis: 0 }),
  ),
  row('putAlongAxis along the first axis', [x('B', 'A'), index('B', 'A')], (a, at) =>
    i.putAlongAxis(a, at, 3, { axis: 0 }),
  ),
  row('putAlongAxis', [x('A', 'B'), index('A', 'B')], (a, at) => i.putAlongAxis(a, at, 3)),
  row('oneHot', [index('A', 'B')], (at) => i.oneHot(at, 3)),
  row('arange', [x('A', 'B')], (a) => add(a, cast(arange('B'), 'float32'))),
  row('dimensionSize', [x('A', 'B')], (a) => mul(a, dimensionSize('A', 'float32'))),
  row('full', [x('A')], (a) => mul(a, i.full([2, 'A'], 1.5))),
  row('zeros', [x('A')], (a) => add(a, i.zeros([2, 'A']))),
  row('ones of integers', [index('A')], (a) => add(a, i.ones([2, 'A'], 'int64'))),
]

const table = (dtype: DType) =>
  constant(
    array(
      Array.from({ length: 12 }, (_, at) => Math.sin(at) * 3),
      { dtype, shape: [3, 4] },
    ),
  )

/** What storage types are for: look up, slice, turn, join and view in 16 bits, widen for arithmetic. */
const storage = (['float16', 'bfloat16'] as const).flatMap((dtype) => [
  row(`cast of a ${dtype} constant`, [x('A', 4)], (a) => mul(a, sum(cast(table(dtype), 'float32')))),
  row(`gather from ${dtype}`, [x('B', 4), index('B')], (a, at) => mul(a, cast(i.gather(table(dtype), at), 'float32'))),
  row(`reshape, transpose, slice and concat of ${dtype}`, [x('A', 5)], (a) => {
    const turned = p.slice(r.transpose(r.reshape(table(dtype), [4, 3])), 1, 1, 3)
    return matmul(a, cast(p.concat([turned, p.slice(turned, 0, 0, 2)], 0), 'float32'))
  }),
  staircase(`cast to ${dtype} and back`, [x('A', 'B')], (a) => cast(cast(a, dtype), 'float32')),
])
const halves = [
  staircase('cast of a float16 argument', [{ type: f16('A', 'B'), draw: 'any' }], (a) => cast(a, 'float32')),
  row('cast to a float16 result', [index('A')], (a) => cast(a, 'float16')),
]

const products = (
  [
    ['ab,bc->ac', 'AB', 'BC'],
    ['ab,cb', 'AB', 'CB'],
    ['ab,bc->ca', 'AB', 'BC'],
    ['ba,bc->ca', 'BA', 'BC'],
    ['bthd,bshd->bhts', '2A2B', '2C2B'],
    ['bhts,bshd->bthd', '22AB', '2B2C'],
    ['btd,vd->btv', '2AB', 'CB'],
    ['btd,btv->dv', '2AB', '2AC'],
    ['abc->', 'ABC'],
    ['abc->cb', 'ABC'],
    ['ab->ba', 'AB'],
    ['aa->a', 'AA'],
    ['aab->b', 'AAB'],
    ['a,b->ba', 'A', 'B'],
    ['a,a->', 'A', 'A'],
    ['ab,ab->ab', 'AB', 'AB'],
    ['ab,c->a', 'AB', 'C'],
    ['...ab,...bc->...ac', '2AB', '2BC'],
    ['...a,...a->...', '12A', 'B2A'],
    ['ab,bc,cd->ad', 'AB', 'BC', 'C2'],
    ['abc,b,c->a', 'ABC', 'B', 'C'],
  ] as const
).map(([equation, ...operands]) =>
  row(
    `einsum ${equation}`,
    operands.map((axes) => x(...[...axes].map((axis) => Number(axis) || axis))),
    (...given) => einsum(equation, ...given),
  ),
)

const random = [
  row('randomWords', [index(2), x('A', 'B')], (key, a) => randomWords(key, a.shape)[1]),
  row('uniform', [index(2), x('A', 'B')], (key, a) => mul(a, uniform(key, a.shape))),
  row('normal', [index(2), x('A', 'B')], (key, a) => mul(a, normal(key, a.shape))),
  row('categorical', [index(2), x('A', 3)], categorical),
  row('dropout', [index(2), x('A', 'B', 5)], (key, a) => dropout(a, 0.4, key)),
]

const turn = ([a, angle]: readonly Tensor[]) => rotary(a!, cos(angle!), sin(angle!))

const layers = [
  row('matmul', [x('A', 'B'), x('B', 'C')], (a, b) => matmul(a, b)),
  row('matmul, a transposed', [x('B', 'A'), x('B', 'C')], (a, b) => matmul(a, b, { transposeA: true })),
  row('matmul, b transposed', [x('A', 'B'), x('C', 'B')], (a, b) => matmul(a, b, { transposeB: true, alpha: 0.5 })),
  row('matmul, both transposed', [x(2, 'B', 'A'), x(2, 'C', 'B')], (a, b) =>
    matmul(a, b, { transposeA: true, transposeB: true, alpha: -2 }),
  ),
  row('matmul of a batch with a matrix', [x(2, 'A', 'B'), x('B', 'C')], (a, b) => matmul(a, b)),
  row('matmul of a matrix with a batch', [x('A', 'B'), x(2, 'B', 'C')], (a, b) => matmul(a, b)),
  row('matmul of batches that broadcast', [x(2, 1, 'A', 2), x('C', 2, 'B')], (a, b) => matmul(a, b)),
  row('linear', [x(2, 'A', 'B'), x('C', 'B'), x('C')], (a, w, b) => linear(a, w, b)),
  row('matmul of many columns with few, a transposed', [x('A', 16), x('A', 2)], (a, b) =>
    matmul(a, b, { transposeA: true, alpha: 3 }),
  ),
  row('gatedSilu', [x('A', 'B'), x('A', 'B')], gatedSilu),
  row('rmsNorm', [x('A', 'B', 3), x(3)], (a, w) => rmsNorm(a, w)),
  row('rmsNorm of a named axis', [x('A', 'B'), x('B')], (a, w) => rmsNorm(a, w), 1),
  row('layerNorm', [x('A', 3), x(3), x(3)], (a, w, b) => layerNorm(a, w, b)),
  row('rotary', [x('A', 2, 'B', 4), x('A', 'B', 2)], (...operands) => turn(operands), 1),
]

/** A matrix [7, 40] of values between −0.1 and 0.1: no whole number of blocks or tiles. */
const stored = (options: QuantizeOptions) => {
  const data = Float32Array.from({ length: 280 }, (_, k) => 0.2 * (((k + 1) * 0.6180339887) % 1) - 0.1)
  return constant(quantize({ dtype: 'float32', shape: [7, 40], data }, options))
}

/**
 * Integer kernels round 40 operands below 2 by 2/254 at most, times weights of at most 0.1: 0.032 if every error were the
 * largest and of one sign. Gradients add the rounding of the weight: 7 times 0.1/254.
 */
const inBits = (name: string, options: QuantizeOptions): Case[] => [
  {
    ...row(`${name} product`, [x('A', 40)], (a) => matmul(a, stored(options), { transposeB: true })),
    tolerance: 0.032,
  },
  {
    ...row(`${name} product with rows`, [x('A', 'B', 7)], (a) => matmul(a, stored(options), { alpha: 2 })),
    tolerance: 0.07,
  },
  row(`${name} as a matrix`, [x(7, 'A')], (a) => matmul(stored(options), a, { transposeA: true })),
]

const quantized = [
  ...inBits('int8', { scheme: 'int8' }),
  ...inBits('int8, tiles', { scheme: 'int8', tile: 3 }),
  ...inBits('int4', { scheme: 'int4', block: 16 }),
  ...inBits('int4, operands in int8', { scheme: 'int4', scales: 'absmax', products: 'int8' }),
  ...inBits('int4, odd blocks', { scheme: 'int4', block: 6 }),
  ...inBits('nf4', { scheme: 'nf4' }),
  ...inBits('nf4, odd blocks', { scheme: 'nf4', block: 22 }),
]

/** The contract of every op. */
export const cases: readonly Case[] = [
  ...unaries,
  ...binaries,
  ...comparisons,
  ...reductions,
  ...shapes,
  ...storage,
  ...halves,
  ...products,
  ...random,
  ...layers,
  ...attentionCases,
  ...quantized,
]
