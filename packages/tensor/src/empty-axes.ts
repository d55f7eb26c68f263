import { type Bindings, bindDim, SymbolicDim } from './dimension'
import { ShapeError } from './errors'
import type { Program } from './trace'

/** Axis lengths of a program's values that depend on its call, each once. */
export const symbolicAxes = ({ nodes }: Program): readonly SymbolicDim[] => {
  const axes = new Map<string, SymbolicDim>()
  for (const { outputs } of nodes)
    for (const { shape } of outputs) for (const dim of shape) if (dim instanceof SymbolicDim) axes.set(dim.key, dim)
  return [...axes.values()]
}

/** Keys of the axes that have no elements at these sizes. @throws ShapeError when a length would be negative */
export const emptyAxes = (axes: readonly SymbolicDim[], bindings: Bindings): ReadonlySet<string> =>
  new Set(axes.filter((dim) => lengthOf(dim, bindings) === 0).map(({ key }) => key))

const lengthOf = (dim: SymbolicDim, bindings: Bindings): number => {
  const length = bindDim(dim, bindings)
  if (length >= 0) return length
  const sizes = [...bindings].map(([name, size]) => `${name} = ${size}`).join(', ')
  throw new ShapeError(`run: axis ${dim} must not be negative, got ${length} for ${sizes}. Pass longer arguments.`)
}
