import { describe, expect, test } from 'vitest'
import { array } from './array'
import { type CompileOptions, compile } from './compile'
import { TensorError } from './errors'
import { attention } from './ops/attention'
import { add, and, exp, less, where } from './ops/elementwise'
import { full, gather, takeAlongAxis } from './ops/indexing'
import { matmul } from './ops/matmul'
import { rmsNorm } from './ops/normalization'
import { dropout } from './ops/random'
import { sum } from './ops/reduce'
import { concat, reshape, slice, squeeze, transpose } from './ops/reshape'
import { topK } from './ops/sort'
import { nodeRuntime } from './runtimes/node'
import { referenceRuntime } from './runtimes/reference'
import { f32, i64, input, type Tensor } from './tensor'
import { grad } from './transform/gradient'

const [a, b, n] = [input('a', f32('B', 3)), input('b', f32('T', 4)), input('n', i64('B'))]

const message = (fn: () => unknown): string => {
  try {
    fn()
  } catch (error) {
    if (error instanceof TensorError) return `${error.name} ${error.code}: ${error.message}`
    throw error
  }
  return 'no error'
}

describe('mistakes while tracing name the op, the operands and what to do', () => {
  test.each<[string, () => unknown, string]>([
    [
      'add of shapes',
      () => add(a, b),
      'ShapeError shape: add: axes must be equal or 1, got [B, 3] and [T, 4] (axis -2). Reshape or slice one operand.',
    ],
    [
      'add of dtypes',
      () => add(a, n),
      "DTypeError dtype: add: operands must have one dtype, got float32[B, 3] and int64[B]. Cast one with cast(x, 'float32').",
    ],
    [
      'matmul of shapes',
      () => matmul(a, b),
      'ShapeError shape: matmul: inner dimensions must match, got [B, 3] and [T, 4]. Transpose one operand, or check its last axes.',
    ],
    [
      'matmul of vectors',
      () => matmul(n, n),
      "DTypeError dtype: matmul: expected a float32 tensor, got int64[B]. Cast it with cast(x, 'float32').",
    ],
    [
      'exp of integers',
      () => exp(n),
      "DTypeError dtype: exp: expected a float32 tensor, got int64[B]. Cast it with cast(x, 'float32').",
    ],
    [
      'where on floats',
      () => where(a, 1, 0),
      "DTypeError dtype: where: expected a bool tensor, got float32[B, 3]. Compare first, or cast to 'bool'.",
    ],
    [
      'and of floats',
      () => and(a, less(a, 0)),
      "DTypeError dtype: and: expected a bool tensor, got float32[B, 3]. Compare first, or cast to 'bool'.",
    ],
    [
      'reshape',
      () => reshape(a, [2, -1]),
      'ShapeError shape: reshape: sizes must be equal, got [B, 3] (3*B elements) for [2, -1]. Use other lengths, or one -1.',
    ],
    [
      'axis',
      () => sum(a, { axes: 2 }),
      'ShapeError shape: sum: axis must lie in [-2, 1], got 2. Name an axis of the operand.',
    ],
    [
      'transpose',
      () => transpose(a, [0, 0]),
      'ShapeError shape: transpose: permutation must name each axis once, got [0,0] for [B, 3]. List every axis.',
    ],
    [
      'slice',
      () => slice(a, 1, 1, 9),
      'ShapeError shape: slice: bounds must lie inside axis 1, got 1 to 9 of [B, 3]. Use smaller bounds.',
    ],
    [
      'slice of a slice before its begin',
      () => slice(a, 1, 3, 1),
      'ShapeError shape: slice: bounds must lie inside axis 1, got 3 to 1 of [B, 3]. Use smaller bounds.',
    ],
    [
      'squeeze',
      () => squeeze(a, 1),
      'ShapeError shape: squeeze: axis 1 must have length 1, got [B, 3]. Slice or sum it first.',
    ],
    [
      'concat',
      () => concat([a, b], 0),
      'ShapeError shape: concat: axes other than 0 must be equal, got [B, 3] and [T, 4]. Slice or pad one operand.',
    ],
    [
      'concat of nothing',
      () => concat([], 0),
      'ShapeError shape: concat: expected at least one tensor, got none. Pass the tensors to join.',
    ],
    [
      'gather',
      () => gather(a, a),
      "DTypeError dtype: gather: indices must be int32 or int64, got float32[B, 3]. Cast them with cast(x, 'int64').",
    ],
    [
      'takeAlongAxis',
      () => takeAlongAxis(a, n),
      'ShapeError shape: takeAlongAxis: all axes but the last must be equal, got [B, 3] and [B]. Broadcast the indices first.',
    ],
    [
      'topK',
      () => topK(a, 4),
      'ShapeError shape: topK: k must be at most the length of the axis, got 4 of [B, 3]. Use a smaller k.',
    ],
    [
      'rmsNorm',
      () => rmsNorm(a, b),
      'ShapeError shape: rmsNorm: weight must be as long as the last axis, got [B, 3] and [T, 4]. Check which axis is normalised.',
    ],
    [
      'attention',
      () => attention(a, a, a, a),
      'ShapeError shape: attention: expected 4 axes, got [B, 3]. Reshape the operand.',
    ],
    ['dropout', () => dropout(a, 1, n), 'ShapeError shape: dropout: rate must lie in [0, 1), got 1. Use 0 for none.'],
    [
      'grad',
      () => grad((x: Tensor) => x)(a),
      'TensorError gradient: grad: the function must return a scalar, got [B, 3]. Reduce it with sum or mean.',
    ],
    [
      'array',
      () => array([[1, 2], [3]]),
      'ShapeError shape: array: shape [2,2] holds 4 values, got 3. Give as many values as the shape has.',
    ],
  ])('%s', (_, fn, expected) => {
    expect(message(fn)).toBe(expected)
  })
})

describe.each([
  ['reference', () => Promise.resolve(referenceRuntime())],
  ['node', () => nodeRuntime({ threads: 1 })],
] as const)('mistakes at a call on the %s runtime', (_, make) => {
  const failure = async (options: Omit<CompileOptions, 'runtime'>, args: unknown[], fn = (x: Tensor) => exp(x)) => {
    await using runtime = await make()
    const run = compile(fn as (...tensors: Tensor[]) => Tensor, { runtime, name: 'step', ...options })
    const error = await run(...(args as never[])).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    return error instanceof TensorError ? `${error.name} ${error.code}: ${error.message}` : error
  }

  test('a missing argument', async () => {
    expect(
      await failure({ inputs: [{ x: f32(2) }] }, [{}], ((t: { x: Tensor }) => t.x) as never),
    ).toMatchInlineSnapshot(
      `"TensorError argument: run: argument 0.x of step must be given, got nothing. Pass an array."`,
    )
  })

  test('a wrong shape, a wrong rank, and one name with two sizes', async () => {
    expect(await failure({ inputs: [f32('B', 3)] }, [array([[1, 2]])])).toMatchInlineSnapshot(
      `"ShapeError shape: run: argument 0 must be [B, 3] = [1,3], got [1,2]. Pass an array of that shape."`,
    )
    expect(await failure({ inputs: [f32('B', 3)] }, [array([1, 2, 3])])).toMatchInlineSnapshot(
      `"ShapeError shape: run: argument 0 must be [B, 3], got [3]. Pass an array of that shape."`,
    )
    const two = [array([1, 2]), array([1, 2, 3])]
    expect(await failure({ inputs: [f32('B'), f32('B')] }, two, add as never)).toMatchInlineSnapshot(
      `"ShapeError shape: run: argument 1 must be [B] = [2], got [3]. Pass an array of that shape."`,
    )
  })

  test('another dtype', async () => {
    expect(await failure({ inputs: [f32(2)] }, [array([1, 2], { dtype: 'int32' })])).toMatchInlineSnapshot(
      `"DTypeError dtype: run: argument 0 must be float32, got int32. Convert it first."`,
    )
  })

  test('a dimension that no argument has', async () => {
    const run = await failure({ inputs: [f32(1)] }, [array([1])], ((x: Tensor) => add(x, full(['X'], 1))) as never)
    expect(run).toMatch(
      /^TensorError dimension: (compile|run): dimension 'X' must be an axis of (some input|an argument), got none/,
    )
  })

  test('a placeholder of another trace', async () => {
    expect(await failure({ inputs: [f32(1)] }, [array([1])], () => exp(a) as never)).toMatchInlineSnapshot(
      `"TensorError argument: compile: every placeholder must be an argument of the traced function, got one of another trace. Pass it as an argument."`,
    )
  })

  test('prepare without declared inputs', async () => {
    await using runtime = await make()
    await expect(compile(exp, { runtime }).prepare()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: prepare: expected declared inputs, got none. Pass 'inputs' to compile.]`,
    )
  })

  test('a disposed runtime', async () => {
    const runtime = await make()
    const run = compile(exp, { runtime, inputs: [f32(1)] })
    const kept = await runtime.upload(array([1]))
    await run(array([1]))
    await runtime.dispose()
    await expect(run(array([1]))).rejects.toMatchObject({ code: 'disposed' })
    await expect(runtime.download(kept)).rejects.toMatchObject({ code: 'disposed' })
    await expect(runtime.upload(array([1]))).rejects.toMatchObject({ code: 'disposed' })
    await expect(compile(exp, { runtime })(array([1]))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: run: expected a live runtime, got a disposed one. Create a new runtime.]`,
    )
  })
})
