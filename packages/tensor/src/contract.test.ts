import { readdir } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NdArray } from './array'
import { isFloating } from './dtype'
import * as tensor from './index'
import { evaluateProgram } from './reference/evaluate'
import type { Runtime } from './runtime'
import { ending } from './test/behaviours'
import type { Case } from './test/case'
import { cases } from './test/cases'
import { numbers, requireClose } from './test/close'
import { contract } from './test/contract'
import { drawn, type Fn, programsOf, type Sizes, sizesOf, squareGradient, weightsFor } from './test/programs'
import { subjects } from './test/runtimes'
import type { Program } from './trace'

const dot = (a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>) =>
  numbers(a).reduce((total, value, i) => total + value * Number(b[i]), 0)

/** Central differences of ⟨result, weights⟩ for every element of floating operand `at`. */
const differences = (forward: Program, inputs: readonly NdArray[], at: number, weights: NdArray, sizes: Sizes) => {
  const step = 1e-5
  const shifted = (i: number, by: number) => {
    const data = (inputs[at]!.data as Float64Array).map((value, j) => (i === j ? value + by : value))
    return dot(evaluateProgram(forward, inputs.with(at, { ...inputs[at]!, data }), sizes)[0]!.data, weights.data)
  }
  return Array.from(inputs[at]!.data as Float64Array, (_, i) => (shifted(i, step) - shifted(i, -step)) / (2 * step))
}

const checkGradient = (entry: Case, fn: Fn, tolerance: number) => {
  const { forward, withGradient, shape } = programsOf(
    entry.inputs.map(({ type }) => type),
    fn,
  )
  return fc.property(sizesOf(entry.least ?? 0), fc.nat(999), (pairs, seed) => {
    const sizes: Sizes = new Map(pairs)
    const inputs = drawn(entry, sizes, seed)
    const weights = weightsFor(shape, sizes)
    const [, ...gradients] = evaluateProgram(withGradient!, [weights, ...inputs], sizes)
    const free = entry.inputs.flatMap(({ type }, at) => (isFloating(type.dtype) ? [at] : []))
    free.forEach((at, i) => {
      const expected = differences(forward, inputs, at, weights, sizes)
      requireClose(gradients[i]!, expected, tolerance, `gradient of operand ${at}`)
    })
  })
}

test('every exported op has a case that begins with its name', async () => {
  const files = (await readdir(new URL('./ops', import.meta.url))).filter((file) => /^[a-z-]+\.ts$/.test(file))
  const modules = await Promise.all(files.map((file): Promise<object> => import(`./ops/${file.replace('.ts', '')}.ts`)))
  const ops = modules.flatMap((module) => Object.keys(module)).filter((name) => name in tensor)
  expect(ops.length).toBeGreaterThan(70)
  expect(ops.filter((name) => !cases.some((entry) => entry.name.split(/[ ,]/)[0] === name))).toEqual([])
})

const differentiable = cases.filter(
  ({ inputs, fn, rounds }) =>
    !rounds &&
    programsOf(
      inputs.map(({ type }) => type),
      fn,
    ).withGradient,
)

describe('gradients equal central differences in float64', () => {
  test.each(differentiable)('$name', (entry) => {
    fc.assert(checkGradient(entry, entry.fn, 1e-7), { seed: 11, numRuns: 12 })
  })
})

describe('gradients of gradients equal central differences in float64', () => {
  test.each(differentiable)('$name', (entry) => {
    fc.assert(checkGradient(entry, squareGradient(entry.fn), 1e-6), { seed: 12, numRuns: 6 })
  })
})

describe.each(subjects)('$name keeps the contract of runtimes', ({ open, ...rigour }) => {
  let runtime: Runtime
  beforeAll(async () => {
    runtime = await open()
  })
  afterAll(() => runtime.dispose())

  test.each(contract)('$name', ({ check }) => check(runtime, rigour))

  test(ending.name, async () => ending.check(await open(), rigour))
})
