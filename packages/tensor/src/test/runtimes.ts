import type { Runtime } from '../runtime'
import { nodeRuntime } from '../runtimes/node'
import { referenceRuntime } from '../runtimes/reference'
import { workerRuntime } from '../runtimes/worker'
import type { Rigour } from './contract'

/** A runtime that the contract suite runs over in Node. */
export interface Subject extends Rigour {
  readonly name: string
  open(): Promise<Runtime>
}

/** float32 sums of at most some dozen terms, whose relative error stays far below this. */
const float32 = 1e-5

/** Runtimes of this process. */
export const subjects: readonly Subject[] = [
  {
    name: 'referenceRuntime',
    open: async () => referenceRuntime(),
    draws: 2, // it is what the others are compared with
    tolerance: float32, // its operands are float32 numbers here, its sums are not
  },
  {
    name: 'nodeRuntime',
    open: () => nodeRuntime({ threads: 1 }),
    draws: 12,
    tolerance: float32,
  },
  {
    name: 'workerRuntime',
    open: () => workerRuntime({ threads: 1 }),
    draws: 4, // the kernels are those of nodeRuntime
    tolerance: float32,
  },
]
