import { bool, f32, i32, i64, type Tensor, type TensorType } from '../tensor'

/** How the elements of an operand are drawn: (−2, 2), (0.5, 2), {0, 1, 2} or {0, 1}. */
export type Draw = 'any' | 'positive' | 'index' | 'bit'

/** One row of the contract: an op on operands with named dimensions A, B, C of any size from `least` (0) to 3. */
export interface Case {
  /** Begins with the name of the exported function that it tests. */
  readonly name: string
  readonly inputs: readonly { readonly type: TensorType; readonly draw: Draw }[]
  readonly fn: (...inputs: Tensor[]) => Tensor
  readonly least?: number
  /** True where rounding to a storage type makes a staircase of the function: its gradient is not that of its steps. */
  readonly rounds?: boolean
  /** How far the op itself may be from the reference, where its kernels round operands that the reference does not. */
  readonly tolerance?: number
}

/** An operand of a case: its type, and how it is drawn. */
export const x = (...shape: (string | number)[]) => ({ type: f32(...shape), draw: 'any' as const })
export const positive = (...shape: (string | number)[]) => ({ type: f32(...shape), draw: 'positive' as const })
export const few = (...shape: (string | number)[]) => ({ type: f32(...shape), draw: 'index' as const })
export const index = (...shape: (string | number)[]) => ({ type: i64(...shape), draw: 'index' as const })
export const index32 = (...shape: (string | number)[]) => ({ type: i32(...shape), draw: 'index' as const })
export const bit = (...shape: (string | number)[]) => ({ type: bool(...shape), draw: 'bit' as const })

/** A case; its axes are at least `least` long. */
export const row = (name: string, inputs: Case['inputs'], fn: Case['fn'], least = 0): Case => ({
  name,
  inputs,
  fn,
  least,
})

/** A case that rounds, so that its gradient is not that of its steps. */
export const staircase = (...given: Parameters<typeof row>): Case => ({ ...row(...given), rounds: true })
