import {
  add,
  cast,
  compile,
  constant,
  exp,
  f32,
  grad,
  i32,
  logSoftmax,
  matmul,
  mean,
  mul,
  type NdArray,
  neg,
  square,
  squeeze,
  sub,
  sum,
  type Tensor,
  takeAlongAxis,
  tanh,
  unsqueeze,
  valueAndGrad,
} from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { float32ToBfloat16 } from '@qilin-med/tensor/safetensors'
import { describe, expect, it } from 'vitest'
import { differences, distance, floats, ints, number, numbers, random, run } from '../../test/support'
import { type LinearTokenScoresOptions, linearTokenScores } from './linear-token-scores'
import type { OutputHead } from './output-head'

const [tokens, width, words] = [5, 3, 8]
const hidden = random([tokens, width], 1)
const weight = random([words, width], 2, 2)
const bias = random([words], 3)
const targets = ints([0, 3, 4, 7, 7])
const upstream = random([tokens], 4)

type Head = Omit<OutputHead, 'weight' | 'bias'> & { readonly temperature?: number }

/** A scalar that depends on every differentiable statistic in its own way. */
const everything = (scores: ReturnType<typeof linearTokenScores>, by: Tensor): Tensor =>
  [
    mul(scores.logProbs, by),
    mul(square(scores.entropy()), 0.25),
    mul(scores.meanLogit(), exp(by)),
    mul(square(scores.logSumExp()), 0.125),
  ]
    .map((term) => sum(term))
    .reduce(add)

/** The same from the logits. */
const everythingFromLogits = (x: Tensor, w: Tensor, b: Tensor, y: Tensor, by: Tensor, head: Head): Tensor => {
  const product = mul(add(matmul(x, w, { transposeB: true }), b), head.scale ?? 1)
  const capped = head.softcap === undefined ? product : mul(tanh(mul(product, 1 / head.softcap)), head.softcap)
  const logits = mul(capped, 1 / (head.temperature ?? 1))
  const logProbs = logSoftmax(logits)
  const target = squeeze(takeAlongAxis(logProbs, unsqueeze(y, -1)), -1)
  const entropy = neg(sum(mul(exp(logProbs), logProbs), { axes: -1 }))
  const normaliser = squeeze(sub(takeAlongAxis(logits, unsqueeze(y, -1)), unsqueeze(target, -1)), -1)
  return everything(
    {
      logProbs: target,
      entropy: () => entropy,
      meanLogit: () => mean(logits, { axes: -1 }),
      logSumExp: () => normaliser,
    } as never,
    by,
  )
}

const fused =
  (head: Head, options: LinearTokenScoresOptions) =>
  (x: Tensor, w: Tensor, b: Tensor, y: Tensor, by: Tensor): Tensor => {
    const { temperature = 1, ...rest } = head
    return everything(linearTokenScores(x, { ...rest, weight: w, bias: b }, y, { temperature, ...options }), by)
  }

const gradients =
  (fn: (x: Tensor, w: Tensor, b: Tensor, y: Tensor, by: Tensor) => Tensor) => (y: Tensor, by: Tensor, p: Trained) =>
    valueAndGrad((q: Trained) => fn(q.x, q.w, q.b, y, by))(p)

type Trained = { readonly x: Tensor; readonly w: Tensor; readonly b: Tensor }
const parameters = { x: hidden, w: weight, b: bias }

// Powers of two, because constants of a program are float32 also where it runs in float64.
const heads: [string, Head][] = [
  ['a plain head', {}],
  ['temperature', { temperature: 2 }],
  ['a soft cap', { softcap: 4 }],
  ['temperature, soft cap and scale', { temperature: 0.5, softcap: 4, scale: 0.5 }],
]

describe('linearTokenScores', () => {
  for (const [name, head] of heads)
    for (const chunk of [words, 3, 1])
      it(`equals the statistics of full logits in value and gradient, with ${name}, ${chunk} words a chunk`, async () => {
        const args = [targets, upstream, parameters] as const
        const whole = (x: Tensor, w: Tensor, b: Tensor, y: Tensor, by: Tensor) =>
          everythingFromLogits(x, w, b, y, by, head)
        const [expected, expectedGradient] = await run(gradients(whole), args)
        const [value, gradient] = await run(gradients(fused(head, { chunk })), args)
        expect(number(value)).toBeCloseTo(number(expected), 12)
        for (const key of ['x', 'w', 'b'] as const)
          expect(distance(numbers(gradient[key]), numbers(expectedGradient[key])), key).toBeLessThan(1e-12)
      })

  it('has the gradient for the hidden states that central differences give', async () => {
    const loss = (x: Tensor) =>
      fused({ softcap: 4 }, { chunk: 3 })(x, constant(weight), constant(bias), constant(targets), constant(upstream))
    const [, gradient] = await run((x: Tensor) => valueAndGrad(loss)(x), [hidden])
    expect(distance(numbers(gradient), differences(loss, hidden))).toBeLessThan(1e-9)
  })

  it('has gradients of gradients, by central differences of the gradient', async () => {
    const loss = (x: Tensor) => {
      const scores = linearTokenScores(x, { weight: constant(weight) }, constant(targets), { chunk: 3 })
      return sum(mul(square(scores.logProbs), constant(upstream)))
    }
    const norm = (x: Tensor) => sum(square(grad(loss)(x)))
    const second = await run((x: Tensor) => grad(norm)(x), [hidden])
    expect(distance(numbers(second), differences(norm, hidden))).toBeLessThan(1e-6)
  })

  it('runs on ONNX Runtime as in float64, chunked or not, with a frozen or a trained head', async () => {
    await using runtime = await nodeRuntime()
    const args = [targets, upstream, parameters] as const
    const [expected, expectedGradient] = await run(gradients(fused({ softcap: 4 }, {})), args)
    for (const chunk of [words, 3]) {
      const [value, gradient] = await run(gradients(fused({ softcap: 4 }, { chunk })), args, runtime)
      expect(number(value)).toBeCloseTo(number(expected), 5)
      for (const key of ['x', 'w', 'b'] as const)
        expect(distance(numbers(gradient[key]), numbers(expectedGradient[key])), key).toBeLessThan(5e-6)
      const frozen = (y: Tensor, by: Tensor, x: Tensor) =>
        grad((h: Tensor) => fused({ softcap: 4 }, { chunk })(h, constant(weight), constant(bias), y, by))(x)
      const forHidden = await run(frozen, [targets, upstream, hidden], runtime)
      expect(distance(numbers(forHidden), numbers(expectedGradient.x))).toBeLessThan(5e-6)
    }
  })

  it('says which targets are the first of the largest logits, across blocks and chunks', async () => {
    const size = 300 // chunks of 128 words: two blocks each, and a last one that is no multiple of a block
    const rows = [0, 1, 64, 65, 127, 128, 200, 256, 299, 299, 64]
    const top = rows.map((row, i) => (i === 9 ? [64, 299] : i === 10 ? [64, 65, 299] : [row])) // two rows with equals
    const logits = top.flatMap((best) =>
      Array.from({ length: size }, (_, word) => (best.includes(word) ? 2 : word % 2)),
    )
    const transposed = Array.from({ length: size }, (_, word) => top.map((_, row) => logits[row * size + word]!)).flat()
    const identity = rows.flatMap((_, i) => rows.map((_, j) => Number(i === j)))
    const score = (x: Tensor, w: Tensor, y: Tensor) => linearTokenScores(x, { weight: w }, y, { chunk: 128 }).correct()
    const args = [floats(identity, [11, 11]), floats(transposed, [size, 11]), ints(rows)] as const
    const expected = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1]
    expect(numbers(await run(score, args))).toEqual(expected)
    await using runtime = await nodeRuntime()
    expect(numbers(await run(score, args, runtime))).toEqual(expected)
  })

  it('keeps log-probabilities and gradients finite where logits are ±1000', async () => {
    await using runtime = await nodeRuntime()
    const head = floats([0, 1000, -1000, 0], [4, 1])
    const step = (x: Tensor, w: Tensor, y: Tensor) =>
      valueAndGrad((h: Tensor) => {
        const { logProbs } = linearTokenScores(h, { weight: w }, y, { chunk: 2 })
        return [sum(logProbs), logProbs] as const
      })(x)
    const [[, logProbs], gradient] = await run(step, [floats([1, 1], [2, 1]), head, ints([1, 2])], runtime)
    expect(numbers(logProbs)).toEqual([0, -2000])
    expect(numbers(gradient)).toEqual([0, -2000])
  })

  it('gives nothing and a zero gradient for no token', async () => {
    await using runtime = await nodeRuntime()
    const step = (p: { x: Tensor; w: Tensor }, y: Tensor) =>
      valueAndGrad((q: { x: Tensor; w: Tensor }) => {
        const scores = linearTokenScores(q.x, { weight: q.w }, y, { chunk: 3 })
        return sum(add(add(scores.logProbs, scores.entropy()), cast(scores.correct(), 'float32')))
      })(p)
    const none: NdArray = { dtype: 'float32', shape: [0, width], data: new Float32Array(0) }
    const program = compile(step, { runtime, inputs: [{ x: f32('N', width), w: f32(words, width) }, i32('N')] })
    const [value, gradient] = await program({ x: none, w: weight }, ints([]))
    expect(number(value)).toBe(0)
    expect(gradient.x.shape).toEqual([0, width])
    expect(Math.max(...numbers(gradient.w).map(Math.abs))).toBe(0)
  })

  it('reads a constant bfloat16 head as its float32 values', async () => {
    await using runtime = await nodeRuntime()
    const stored = float32ToBfloat16(weight.data as Float32Array)
    const rounded = Float32Array.from(stored, (bits) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!)
    const score = (array: NdArray) => (x: Tensor, y: Tensor) =>
      grad((h: Tensor) => sum(linearTokenScores(h, { weight: constant(array) }, y, { chunk: 3 }).logProbs))(x)
    const wide = await run(score({ ...weight, data: rounded }), [hidden, targets], runtime)
    const narrow = await run(score({ ...weight, dtype: 'bfloat16', data: stored }), [hidden, targets], runtime)
    expect(numbers(narrow)).toEqual(numbers(wide))
  })

  it('names the operand and what to do where shapes, types or options do not fit', async () => {
    const score = (x: NdArray, w: NdArray, y: NdArray, options: LinearTokenScoresOptions = {}) =>
      run((a: Tensor, b: Tensor, c: Tensor) => linearTokenScores(a, { weight: b }, c, options).logProbs, [x, w, y])
    await expect(score(hidden, random([width, words], 2), targets)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: linearTokenScores: expected hidden states [N, D] and a head weight [V, D], got [5, 3] and [3, 8]. Gather the labelled positions first, and do not transpose the weight.]`,
    )
    await expect(score(hidden, weight, ints([1, 2]))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: linearTokenScores: expected one target per hidden state, got [5, 3] and [2]. Pass targets [5].]`,
    )
    await expect(score(hidden, weight, upstream)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DTypeError: linearTokenScores: expected int32 targets, got float32[5]. Cast them with cast(x, 'int32').]`,
    )
    await expect(score(hidden, weight, targets, { temperature: 0 })).rejects.toMatchObject({
      code: 'option',
      operand: 'temperature',
    })
  })
})
