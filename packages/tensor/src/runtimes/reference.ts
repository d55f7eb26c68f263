import type { NdArray } from '../array'
import { bindInputs } from '../bind'
import { TensorError } from '../errors'
import { evaluateProgram } from '../reference/evaluate'
import { isResident, type Operand, type Resident, type Runtime } from '../runtime'

interface Held extends Resident {
  array: NdArray
}

/** A runtime that computes in float64 TypeScript: slow, exact, everywhere. For tests and for checking the others. */
export const referenceRuntime = (): Runtime => {
  let disposed = false
  const alive = () => {
    if (disposed)
      throw new TensorError('disposed', 'run: expected a live runtime, got a disposed one. Create a new runtime.')
  }
  const arrayOf = (operand: Operand): NdArray => (isResident(operand) ? (operand as Held).array : operand)
  const runtime: Runtime = {
    name: 'reference',
    load: async (program) => {
      alive()
      return {
        run: async (inputs, targets) => {
          alive()
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
      }
    },
    upload: async (array) => {
      alive()
      return { resident: true, dtype: array.dtype, shape: array.shape, array } as Held
    },
    download: async (resident) => {
      alive()
      return (resident as Held).array
    },
    write: async (resident, array) => {
      alive()
      ;(resident as Held).array = array
    },
    dispose: async () => {
      disposed = true
    },
    [Symbol.asyncDispose]: () => runtime.dispose(),
  }
  return runtime
}
