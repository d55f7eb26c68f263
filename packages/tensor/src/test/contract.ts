import fc from 'fast-check'
import type { NdArray } from '../array'
import { bindDim } from '../dimension'
import { toTyped } from '../dtype'
import { evaluateProgram } from '../reference/evaluate'
import type { Runtime } from '../runtime'
import { behaviours } from './behaviours'
import type { Case } from './case'
import { cases } from './cases'
import { requireClose, requireEqual } from './close'
import { drawn, programsOf, type Sizes, sizesOf, weightsFor } from './programs'

/** How closely a runtime is looked at. */
export interface Rigour {
  /** Sizes drawn for each op. */
  readonly draws: number
  /** Largest difference from the float64 reference, relative for values above 1. */
  readonly tolerance: number
  /** What its hardware cannot do, as it stands in the names of checks. */
  readonly lacks?: string
}

/** One thing that every runtime must do. Needs no test framework, so that it also runs in a browser. */
export interface Check {
  readonly name: string
  /** @throws Error saying what differs */
  check(runtime: Runtime, rigour: Rigour): Promise<void>
}

const narrow = (array: NdArray): NdArray =>
  array.dtype === 'float64' ? { ...array, dtype: 'float32', data: toTyped('float32', array.data) } : array

/** The result of a case and its gradients, against the reference evaluator, for random sizes. */
const agreement = (entry: Case): Check => ({
  name: entry.name,
  check: async (runtime, { draws, tolerance }) => {
    const types = entry.inputs.map(({ type }) => type)
    const { forward, withGradient, shape } = programsOf(types, entry.fn)
    const program = withGradient ?? forward
    const executable = await runtime.load(program)
    const property = fc.asyncProperty(sizesOf(entry.least ?? 0), fc.nat(999), async (pairs, seed) => {
      const sizes: Sizes = new Map(pairs)
      const inputs = [...(withGradient ? [weightsFor(shape, sizes)] : []), ...drawn(entry, sizes, seed)]
      const expected = evaluateProgram(program, inputs, sizes)
      const actual = await executable.run(
        inputs.map(narrow),
        program.outputs.map(() => undefined),
      )
      actual.forEach((array, i) => {
        const what = i === 0 ? 'result' : `gradient ${i - 1}`
        const bound = program.outputs[i]!.shape.map((dim) => bindDim(dim, sizes))
        requireEqual(array!.shape, bound, `shape of ${what}`)
        requireClose(array!, expected[i]!.data, Math.max(tolerance, entry.tolerance ?? 0), what)
      })
    })
    await fc.assert(property, { seed: 13, numRuns: draws })
    await executable.dispose()
  },
})

/** The contract of every runtime: every op with its gradient, then how state, sizes, random numbers and errors behave. */
export const contract: readonly Check[] = [...cases.map(agreement), ...behaviours]
