import { type Bindings, bindShape, SymbolicDim, shapeText } from './dimension'
import { DTypeError, ShapeError } from './errors'
import type { ProgramInput } from './trace'

interface Sized {
  readonly shape: readonly number[]
  readonly dtype: string
}

/**
 * Sizes of the named dimensions in one call.
 *
 * @throws ShapeError naming the argument whose shape does not fit its declaration or another argument
 */
export const bindInputs = (inputs: readonly ProgramInput[], values: readonly Sized[]): Bindings => {
  const bindings = new Map<string, number>()
  inputs.forEach((input, i) => {
    input.shape.forEach((dim, axis) => {
      const length = values[i]!.shape[axis]
      if (dim instanceof SymbolicDim && dim.terms.size === 1 && dim.terms.get(dim.key) === 1 && length !== undefined)
        if (!dim.key.includes('*') && !bindings.has(dim.key)) bindings.set(dim.key, length)
    })
  })
  inputs.forEach((input, i) => {
    check(input, values[i]!, bindings)
  })
  return bindings
}

const check = (input: ProgramInput, value: Sized, bindings: Bindings): void => {
  const argument = input.name.replace(/^in_/, '')
  const expected = value.shape.length === input.shape.length ? bindShape(input.shape, bindings) : undefined
  if (!expected?.every((length, axis) => length === value.shape[axis]))
    throw new ShapeError(
      `run: argument ${argument} must be ${shapeText(input.shape)}${expected ? ` = [${expected}]` : ''}, got [${value.shape}]. Pass an array of that shape.`,
      { argument, shapes: [shapeText(input.shape), `[${value.shape}]`] },
    )
  if (value.dtype !== input.dtype && !(input.dtype === 'float32' && value.dtype === 'float64'))
    throw new DTypeError(`run: argument ${argument} must be ${input.dtype}, got ${value.dtype}. Convert it first.`, {
      argument,
    })
}
