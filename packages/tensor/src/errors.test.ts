import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { array } from './array'
import { type CompileOptions, compile } from './compile'
import { TensorError } from './errors'
import { attention } from './ops/attention'
import { cast } from './ops/cast'
import { einsum } from './ops/einsum'
import { add, and, exp, gelu, less, log, mul, not, where } from './ops/elementwise'
import { cumulativeSum, full, gather, oneHot, putAlongAxis, scatterRows, takeAlongAxis } from './ops/indexing'
import { linear, matmul } from './ops/matmul'
import { layerNorm, rmsNorm } from './ops/normalization'
import { dropout, randomWords } from './ops/random'
import { argMax, logSumExp, mean, sum } from './ops/reduce'
import { broadcastTo, moveAxis, reshape, squeeze, transpose, unsqueeze } from './ops/reshape'
import { rotary } from './ops/rotary'
import { concat, pad, slice, split, stack } from './ops/slice'
import { logSoftmax, softmax } from './ops/softmax'
import { argSort, sort, topK } from './ops/sort'
import { nodeRuntime } from './runtimes/node'
import { referenceRuntime } from './runtimes/reference'
import { workerRuntime } from './runtimes/worker'
import { constant, defineOp, f16, f32, i64, input, type Tensor } from './tensor'
import { trace } from './trace'
import { customGradient } from './transform/custom-gradient'
import { grad, vjp } from './transform/gradient'

const [a, b, n] = [input('a', f32('B', 3)), input('b', f32('T', 4)), input('n', i64('B'))]
const [half, q] = [input('half', f16('B', 3)), input('q', f32('B', 2, 'T', 4))]

const message = (fn: () => unknown): string => {
  try {
    fn()
  } catch (error) {
    if (error instanceof TensorError) return `${error.name} ${error.code}: ${error.message}`
    throw error
  }
  return 'no error'
}

/** Mistakes by family of ops; each is one call, made while tracing. */
const mistakes: Record<string, Record<string, () => unknown>> = {
  elementwise: {
    'shapes that do not broadcast': () => add(a, b),
    'two dtypes': () => add(a, n),
    'integers to a function of floats': () => exp(n),
    'floats to a function of booleans': () => and(a, less(a, 0)),
    'booleans to arithmetic': () => mul(less(a, 0), 2),
    'not of floats': () => not(a),
    'where on floats': () => where(a, 1, 0),
    'where between two dtypes': () => where(less(a, 0), a, n),
    'a storage type': () => exp(half),
    'a storage type to arithmetic': () => add(half, 1),
    'comparing booleans': () => less(less(a, 0), less(a, 0)),
  },
  reduction: {
    'an axis outside': () => sum(a, { axes: 2 }),
    'a sum of booleans': () => sum(less(a, 0)),
    'a mean of integers': () => mean(n),
    'logSumExp of integers': () => logSumExp(n),
    'argMax of an empty axis': () => argMax(input('e', f32('B', 0))),
    'softmax of integers': () => softmax(n),
    'logSoftmax of a scalar': () => logSoftmax(input('s', f32())),
    'cumulativeSum outside': () => cumulativeSum(a, -3),
  },
  shape: {
    reshape: () => reshape(a, [2, -1]),
    'reshape to two open lengths': () => reshape(a, [-1, -1]),
    transpose: () => transpose(a, [0, 0]),
    'moveAxis outside': () => moveAxis(a, 0, 2),
    'broadcastTo a shape that does not stretch': () => broadcastTo(a, ['B', 4]),
    'broadcastTo of a storage type': () => broadcastTo(half, [2, 'B', 3]),
    'slice beyond the end': () => slice(a, 1, 1, 9),
    'slice that ends before its begin': () => slice(a, 1, 3, 1),
    'split into more than there is': () => split(a, 1, [2, 2]),
    'squeeze of a long axis': () => squeeze(a, 1),
    'unsqueeze outside': () => unsqueeze(a, 3),
    'concat of other shapes': () => concat([a, b], 0),
    'concat of two dtypes': () => concat([a, n], 0),
    'concat of nothing': () => concat([], 0),
    'stack of other shapes': () => stack([a, b]),
    'pad of a storage type': () => pad(half, 0, 1, 1),
    'a dimension that is no name': () => f32('2B'),
  },
  indexing: {
    'gather by floats': () => gather(a, a),
    'gather from a scalar': () => gather(input('s', f32()), n),
    'takeAlongAxis of other rows': () => takeAlongAxis(a, n),
    'putAlongAxis of other shapes': () => putAlongAxis(a, n, 4),
    'scatterRows of other rows': () => scatterRows(a, n, 4, [2]),
    'oneHot of floats': () => gather(oneHot(n, 3), a),
    'topK beyond the axis': () => topK(a, 4),
    'topK of a fraction': () => topK(a, 1.5),
    'sort of booleans': () => sort(less(a, 0)),
    'argSort outside': () => argSort(a, { axis: 2 }),
  },
  product: {
    'matmul of other inner lengths': () => matmul(a, b),
    'matmul of integers': () => matmul(n, n),
    'matmul of vectors': () => matmul(sum(a, { axes: 1 }), a),
    'matmul of a storage type': () => matmul(half, half),
    'matmul of other batches': () => matmul(input('p', f32(2, 3, 3)), input('q', f32(4, 3, 3))),
    'linear of another width': () => linear(a, b),
    'einsum with an unknown letter': () => einsum('ab->c', a),
    'einsum with too few groups': () => einsum('ab->a', a, b),
    'einsum with too few letters': () => einsum('a,ab->b', a, a),
    'einsum of two lengths': () => einsum('ij,kj->ik', a, b),
    'einsum of integers': () => einsum('a->', n),
  },
  layer: {
    'rmsNorm of another width': () => rmsNorm(a, b),
    'layerNorm of another width': () => layerNorm(a, sum(b, { axes: 0 }), undefined),
    'rotary angles of another shape': () => rotary(q, a, a),
    'attention over too few axes': () => attention(a, a, a, a),
    'attention with a named width': () => attention(input('q', f32(1, 2, 'T', 'D')), q, q, a),
    'attention heads that do not divide': () => attention(q, input('k', f32('B', 3, 'T', 4)), q, a),
  },
  random: {
    'randomWords with a key of floats': () => randomWords(a, [2]),
    'dropout of everything': () => dropout(a, 1, n),
    'dropout over a named axis': () => dropout(transpose(a), 0.5, n),
  },
  transform: {
    'grad of a function that is no scalar': () => grad((x: Tensor) => x)(a),
    'a pullback of another shape': () => vjp((x) => exp(x), a)[1](b),
    'a pullback of too few gradients': () => vjp((x) => [exp(x), x], a)[1](a),
    'a gradient rule that forgets an operand': () =>
      grad((x: Tensor) => sum(customGradient({ forward: (y) => exp(y), backward: () => [] })(x)[0]!))(a),
    'a gradient rule of another shape': () =>
      grad((x: Tensor) => sum(customGradient({ forward: (y) => exp(y), backward: () => [b] })(x)[0]!))(a),
    'an array with too few values': () => array([[1, 2], [3]]),
  },
}

describe('mistakes while tracing name the op, the operands and what to do', () => {
  test.each(Object.entries(mistakes))('%s', (_, calls) => {
    const sentences = Object.entries(calls).map(([what, call]) => `${what}\n    ${message(call)}`)
    expect(sentences.join('\n')).toMatchSnapshot()
  })

  test('every sentence says what was expected and what to do', () => {
    for (const calls of Object.values(mistakes))
      for (const call of Object.values(calls))
        expect(message(call)).toMatch(
          /^(Shape|DType|Tensor)Error (shape|dtype|gradient|dimension): \w+: .+, got .+\. [A-Z].+\.$/,
        )
  })

  test('the error arises in the line of the mistake', () => {
    const myLoss = (x: Tensor) => sum(add(x, b))
    const stack = (() => {
      try {
        trace(myLoss, [f32('B', 3)])
      } catch (error) {
        return (error as Error).stack!
      }
      return ''
    })()
    expect(stack).toMatch(/at myLoss \(.*errors\.test\.ts/)
  })
})

describe.each([
  ['reference', () => Promise.resolve(referenceRuntime())],
  ['node', () => nodeRuntime({ threads: 1 })],
  ['worker', () => workerRuntime({ threads: 1 })],
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

  test('a value that is not finite, with the line that made it', async () => {
    const loss = (x: Tensor) => sum(gelu(log(x)))
    const message = await failure({ inputs: [f32('N')], checkFinite: true }, [array([1, -1])], loss)
    expect(
      String(message).replace(/made at .*errors\.test\.ts:\d+:\d+/, 'made at errors.test.ts'),
    ).toMatchInlineSnapshot(
      `"TensorError non-finite: run: every value of step must be finite, got 1 elements of log float32[N] that are not, made at errors.test.ts. Its operands were finite: input: float32[N]."`,
    )
    const line = Number(/errors\.test\.ts:(\d+):/.exec(String(message))?.[1])
    expect(readFileSync(import.meta.filename, 'utf8').split('\n')[line - 1]).toContain('gelu(log(x))')
    const given = await failure({ inputs: [f32('N')], checkFinite: true }, [array([Number.NaN])], loss)
    expect(String(given)).toMatch(/got 1 elements of argument 0 float32\[N\] that are not/)
  })

  test('a placeholder of another trace', async () => {
    expect(await failure({ inputs: [f32(1)] }, [array([1])], () => exp(a) as never)).toMatchInlineSnapshot(
      `"TensorError argument: compile: every placeholder must be an argument of the traced function, got one of another trace. Pass it as an argument."`,
    )
  })

  test('a bfloat16 argument, which only the reference runtime takes', async () => {
    await using runtime = await make()
    const widen = (x: Tensor) => cast(x, 'float32')
    const run = compile(widen, { runtime, inputs: [{ dtype: 'bfloat16', shape: [1] }] })
    const x = array([1.5], { dtype: 'bfloat16' })
    if (runtime.name === 'reference') expect((await run(x)).data[0]).toBe(1.5)
    else
      await expect(run(x)).rejects.toThrowErrorMatchingInlineSnapshot(
        `[DTypeError: load: arguments and results cannot be bfloat16 on ONNX Runtime, got one at 0. Pass float32 or float16, or make it a constant.]`,
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

describe.each([
  ['node', () => nodeRuntime({ threads: 1 })],
  ['worker', () => workerRuntime({ threads: 1 })],
] as const)('sessions that cannot be created on the %s runtime', (_, make) => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'session-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const failing = async (fn: (x: Tensor) => Tensor) => {
    await using runtime = await make()
    const error = await compile(fn, { runtime, name: 'step', inputs: [f32(2)] })(array([1, 2])).catch((e: unknown) => e)
    return error as TensorError
  }

  test('name the node and the op', async () => {
    const twist = defineOp({
      name: 'twist',
      infer: ([x]) => x!,
      gradient: 'none',
      lower: (onnx, [x]) => onnx.node('NoSuchOperator', [x!]),
      evaluate: ([x]) => x!,
    })
    const error = await failing((x) => twist([exp(x)], undefined))
    expect(error).toMatchObject({ name: 'TensorError', code: 'session', node: 'NoSuchOperator_1', op: 'twist' })
    expect(error.message).toMatchInlineSnapshot(
      `"load: step must be accepted by ONNX Runtime, got (node NoSuchOperator_1 of op twist): This is an invalid model. In Node, ("NoSuchOperator_1", NoSuchOperator, "", -1) : ("Exp_0": tensor(float),) -> ("NoSuchOperator_1": tensor(float),) , Error No Op registered for NoSuchOperator with domain_version of 21"`,
    )
  })

  test('name the file that is absent or too short', async () => {
    const weights = (path: string) => {
      const location = { path, offset: 0, byteLength: 8 }
      return constant({ dtype: 'float32', shape: [2], location, read: () => new Float32Array(2) })
    }
    const [absent, short] = [join(folder, 'absent.safetensors'), join(folder, 'short.safetensors')]
    writeFileSync(short, 'abc')
    const errors = [await failing((x) => add(x, weights(absent))), await failing((x) => add(x, weights(short)))]
    expect(errors.map(({ code, path }) => [code, path])).toEqual([
      ['session', absent],
      ['session', short],
    ])
    expect(errors.map(({ message }) => message.replaceAll(folder, 'FOLDER'))).toMatchInlineSnapshot(`
      [
        "load: step needs constants from 8 bytes of FOLDER/absent.safetensors, got no such file. Check the path, or copy the file again.",
        "load: step needs constants from 8 bytes of FOLDER/short.safetensors, got 3 bytes. Check the path, or copy the file again.",
      ]
    `)
  })
})
