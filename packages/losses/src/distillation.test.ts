import { constant, grad, linear, type NdArray, square, sum, type Tensor, valueAndGrad } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { describe, expect, it } from 'vitest'
import { differences, distance, lossOf, metricsOf, number, numbers, random, run } from '../test/support'
import { distillation } from './distillation'
import { divergenceOfLogits } from './vocabulary/divergence'
import { type LinearDivergenceOptions, linearDivergence, type Projection } from './vocabulary/linear-divergence'

const [tokens, words] = [4, 8]
const student = { hidden: random([tokens, 3], 1), weight: random([words, 3], 2, 2) }
const teacher = { hidden: random([tokens, 5], 3), weight: random([words, 5], 4, 2) }

type Trained = { readonly hidden: Tensor; readonly weight: Tensor }

const frozen = ({ hidden, weight }: { readonly hidden: NdArray; readonly weight: NdArray }): Projection => ({
  hidden: constant(hidden),
  head: { weight: constant(weight) },
})

/** Sum of squares, so that tokens count differently. */
const fused =
  (options: LinearDivergenceOptions) =>
  ({ hidden, weight }: Trained): Tensor =>
    sum(square(linearDivergence({ hidden, head: { weight } }, frozen(teacher), options).divergence))

const fromLogits =
  (options: LinearDivergenceOptions) =>
  ({ hidden, weight }: Trained): Tensor => {
    const theirs = linear(constant(teacher.hidden), constant(teacher.weight))
    return sum(square(divergenceOfLogits(linear(hidden, weight), theirs, options)))
  }

// Within 1e-9, because constants such as log 0.25 are float32 also where a program runs in float64.
const step = (loss: (p: Trained) => Tensor) => (p: Trained) => valueAndGrad(loss)(p)

describe('linearDivergence', () => {
  for (const beta of [0, 0.25, 0.5, 1])
    for (const chunk of [words, 3])
      it(`equals the divergence of logits in value and gradient at beta ${beta}, ${chunk} words a chunk`, async () => {
        const options = { beta, chunk, temperature: 2 }
        const [expected, expectedSlope] = await run(step(fromLogits(options)), [student])
        const [value, slope] = await run(step(fused(options)), [student])
        expect(number(value)).toBeCloseTo(number(expected), 12)
        expect(distance(numbers(slope.hidden), numbers(expectedSlope.hidden))).toBeLessThan(1e-9)
        expect(distance(numbers(slope.weight), numbers(expectedSlope.weight))).toBeLessThan(1e-9)
      })

  for (const beta of [0, 0.25, 1])
    it(`has the gradient that central differences give at beta ${beta}`, async () => {
      const loss = (hidden: Tensor) => fused({ beta, chunk: 3 })({ hidden, weight: constant(student.weight) })
      const slope = await run((x: Tensor) => grad(loss)(x), [student.hidden])
      expect(distance(numbers(slope), differences(loss, student.hidden))).toBeLessThan(1e-8)
    })

  it('has gradients of gradients', async () => {
    const loss = (hidden: Tensor) => fused({ beta: 0.25, chunk: 3 })({ hidden, weight: constant(student.weight) })
    const norm = (x: Tensor) => sum(square(grad(loss)(x)))
    const second = await run((x: Tensor) => grad(norm)(x), [student.hidden])
    expect(distance(numbers(second), differences(norm, student.hidden))).toBeLessThan(1e-6)
  })

  it('runs on ONNX Runtime as in float64', async () => {
    await using runtime = await nodeRuntime()
    const [expected, expectedSlope] = await run(step(fused({ chunk: 3 })), [student])
    const [value, slope] = await run(step(fused({ chunk: 3 })), [student], runtime)
    expect(number(value)).toBeCloseTo(number(expected), 6)
    expect(distance(numbers(slope.hidden), numbers(expectedSlope.hidden))).toBeLessThan(2e-6)
    expect(distance(numbers(slope.weight), numbers(expectedSlope.weight))).toBeLessThan(2e-6)
  })

  it('says which models cannot be compared', () => {
    const other = { hidden: teacher.hidden, weight: random([words + 1, 5], 4) }
    expect(() => linearDivergence(frozen(student), frozen(other))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: linearDivergence: student and teacher must have the same tokens and vocabulary, got [4, 3] and [8, 3] for the student, [4, 5] and [9, 5] for the teacher. Use models with one tokenizer.]`,
    )
  })
})

describe('distillation', () => {
  it('is 0, with a zero gradient, for a student that predicts what its teacher predicts', async () => {
    for (const beta of [0, 0.5, 1]) {
      expect(
        await lossOf(() => distillation({ beta })({ student: frozen(student), teacher: frozen(student) })),
      ).toBeCloseTo(0, 7)
      const loss = (hidden: Tensor) =>
        distillation({ beta })({
          student: { hidden, head: { weight: constant(student.weight) } },
          teacher: frozen(student),
        }).sum
      const slope = await run((x: Tensor) => grad(loss)(x), [student.hidden])
      expect(Math.max(...numbers(slope).map(Math.abs))).toBeLessThan(1e-7)
    }
  })

  it('is symmetric at beta 0.5, and at most ln 2', async () => {
    const there = await lossOf(() => distillation()({ student: frozen(student), teacher: frozen(teacher) }))
    const back = await lossOf(() => distillation()({ student: frozen(teacher), teacher: frozen(student) }))
    expect(there).toBeCloseTo(back, 12)
    expect(there).toBeGreaterThan(0)
    expect(there).toBeLessThan(Math.LN2)
  })

  it('sends no gradient to the teacher', async () => {
    const loss = (hidden: Tensor) =>
      distillation()({ student: frozen(student), teacher: { hidden, head: { weight: constant(teacher.weight) } } }).sum
    expect(numbers(await run((x: Tensor) => grad(loss)(x), [teacher.hidden])).every((x) => x === 0)).toBe(true)
  })

  it('logs the entropy of the student', async () => {
    const metrics = await metricsOf(() => distillation()({ student: frozen(student), teacher: frozen(teacher) }))
    expect(metrics.entropy).toBeGreaterThan(0)
    expect(metrics.entropy).toBeLessThan(Math.log(words))
  })

  it('refuses options outside their range, naming them', () => {
    expect(() => distillation({ beta: 1.5 })).toThrowError(expect.objectContaining({ code: 'option', operand: 'beta' }))
    expect(() => distillation({ temperature: 0 })).toThrowError(
      expect.objectContaining({ code: 'option', operand: 'temperature' }),
    )
  })
})
