import { TensorError } from './errors'

import { recordOrigin } from './origin'
import { input, type Node, Tensor, type TensorType } from './tensor'
import { sortedNodes } from './transform/gradient'
import { leavesOf, mapTree } from './tree'

/** Tensors in nested objects and arrays. */
export type TensorTree = Tensor | readonly TensorTree[] | { readonly [key: string]: TensorTree | undefined }

/** Declared types in the same nesting as the arguments. */
export type TypeTree = TensorType | readonly TypeTree[] | { readonly [key: string]: TypeTree | undefined }

/** True for a traced tensor. */
export const isTensor = (value: unknown): value is Tensor => value instanceof Tensor

/** True for a declared type such as `f32('B', 3)`. */
export const isType = (value: unknown): value is TensorType =>
  typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value && !('data' in value)

/** A traced function: what goes in, what comes out, and every node between, operands first. */
export interface Program {
  readonly name: string
  readonly inputs: readonly ProgramInput[]
  readonly outputs: readonly Tensor[]
  readonly nodes: readonly Node[]
}

/** One argument leaf of a program. */
export interface ProgramInput extends TensorType {
  readonly name: string
  readonly tensor: Tensor
}

/** A program together with the nesting of the function's result. */
export interface Traced<R> {
  readonly program: Program
  readonly result: R
}

/** How a function is traced. */
export interface TraceOptions {
  /** Name of the program; default that of the function. */
  readonly name?: string
  /** True to keep with each value where in the source it was made, for error messages; costs some time and memory. */
  readonly origins?: boolean
}

/**
 * Runs `fn` once on placeholders of the given types and records what it does.
 *
 * @throws TensorError when a result leaf is not a tensor, or does not come from this trace
 */
export const trace = <A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  types: { readonly [K in keyof A]: TypeTree },
  { name = fn.name || 'program', origins = false }: TraceOptions = {},
): Traced<R> => {
  const inputs: ProgramInput[] = []
  const args = mapTree(types, isType, (type, path) => {
    const placeholder = input(`in_${path}`, type)
    const tensor = origins ? new Tensor({ ...placeholder.node, origin: recordOrigin() }) : placeholder
    inputs.push({ name: `in_${path}`, tensor, dtype: type.dtype, shape: type.shape })
    return tensor
  }) as A
  const result = fn(...args)
  const outputs = leavesOf(result, isTensor).map(({ leaf }) => leaf)
  const nodes = sortedNodes(outputs)
  const known = new Set(inputs.map(({ tensor }) => tensor.node))
  for (const node of nodes)
    if (node.op.name === 'input' && !known.has(node))
      throw new TensorError(
        'argument',
        `compile: every placeholder must be an argument of the traced function, got one of another trace. Pass it as an argument.`,
      )
  return { program: { name, inputs, outputs, nodes }, result }
}
