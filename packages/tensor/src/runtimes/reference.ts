import type { NdArray } from '../array'
import { bindInputs } from '../bind'
import { evaluateProgram } from '../reference/evaluate'
import { isResident, type Operand, type Resident, type Runtime } from '../runtime'
import type { Host } from './host'
import { runtimeOn } from './runtime-on'

/** A runtime that computes in float64 TypeScript: slow, exact, everywhere. For tests and for checking the others. */
export const referenceRuntime = (): Runtime => runtimeOn('reference', referenceHost())

interface Held extends Resident {
  array: NdArray
}

const referenceHost = (): Host => ({
  load: async (program) => ({
    run: async (inputs, targets) => {
      const arrays = inputs.map(arrayOf)
      const results = evaluateProgram(program, arrays, bindInputs(program.inputs, arrays))
      return results.map((result, i) => {
        const target = targets[i] as Held | undefined
        if (!target) return result
        target.array = result
        return undefined
      })
    },
    dispose: async () => {},
  }),
  upload: async (array) => {
    const held: Held = { resident: true, dtype: array.dtype, shape: array.shape, array: copyOf(array) }
    return held
  },
  download: async (resident) => copyOf((resident as Held).array),
  write: async (resident, array) => {
    ;(resident as Held).array = copyOf(array)
  },
  dispose: async () => {},
})

const arrayOf = (operand: Operand): NdArray => (isResident(operand) ? (operand as Held).array : operand)

const copyOf = (array: NdArray): NdArray => ({ ...array, data: array.data.slice() })
