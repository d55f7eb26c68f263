import { TensorError } from './errors'

/**
 * One axis length: a number, or a polynomial in named dimensions such as `B`, `B*T` or `T+1`.
 * Named dimensions are bound when a program runs, so one program serves every size.
 */
export type Dim = number | SymbolicDim

/** Axis lengths of a tensor; `[]` is a scalar. */
export type Shape = readonly Dim[]

/** A polynomial with integer coefficients in named dimensions. Immutable; equal polynomials have equal `key`. */
export class SymbolicDim {
  /** Canonical text, such as `2*B*T+1`. */
  readonly key: string
  /** Coefficient of each monomial; the monomial is its sorted names joined by `*`, and '' for the constant term. */
  readonly terms: ReadonlyMap<string, number>

  constructor(terms: ReadonlyMap<string, number>) {
    this.terms = terms
    this.key = [...terms]
      .sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1))
      .map(([name, factor]) => (name === '' ? `${factor}` : factor === 1 ? name : `${factor}*${name}`))
      .join('+')
      .replaceAll('+-', '-')
  }

  toString(): string {
    return this.key
  }
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The named dimension `name`. @throws TensorError when it is not an identifier */
export const dimension = (name: string): SymbolicDim => {
  if (!namePattern.test(name))
    throw new TensorError('dimension', `dimension: expected an identifier such as 'B', got '${name}'. Rename it.`)
  return new SymbolicDim(new Map([[name, 1]]))
}

const termsOf = (dim: Dim): ReadonlyMap<string, number> =>
  typeof dim === 'number' ? (dim === 0 ? new Map() : new Map([['', dim]])) : dim.terms

const simplify = (terms: Map<string, number>): Dim => {
  for (const [name, factor] of terms) if (factor === 0) terms.delete(name)
  if (terms.size === 0) return 0
  if (terms.size === 1 && terms.has('')) return terms.get('')!
  return new SymbolicDim(terms)
}

/** a + b. */
export const addDims = (a: Dim, b: Dim): Dim => {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  const sum = new Map(termsOf(a))
  for (const [name, factor] of termsOf(b)) sum.set(name, (sum.get(name) ?? 0) + factor)
  return simplify(sum)
}

const monomial = (a: string, b: string): string =>
  [...a.split('*'), ...b.split('*')]
    .filter((name) => name !== '')
    .sort()
    .join('*')

/** a · b. */
export const multiplyDims = (a: Dim, b: Dim): Dim => {
  if (typeof a === 'number' && typeof b === 'number') return a * b
  const product = new Map<string, number>()
  for (const [nameA, factorA] of termsOf(a))
    for (const [nameB, factorB] of termsOf(b)) {
      const name = monomial(nameA, nameB)
      product.set(name, (product.get(name) ?? 0) + factorA * factorB)
    }
  return simplify(product)
}

/** a − b. */
export const subtractDims = (a: Dim, b: Dim): Dim => addDims(a, multiplyDims(b, -1))

const divideMonomial = (name: string, divisor: string): string | undefined => {
  const names = name.split('*').filter((part) => part !== '')
  for (const part of divisor.split('*').filter((p) => p !== '')) {
    const at = names.indexOf(part)
    if (at < 0) return undefined
    names.splice(at, 1)
  }
  return names.join('*')
}

/** a / b where b divides a exactly for every size and is a single term; undefined otherwise. */
export const divideDims = (a: Dim, b: Dim): Dim | undefined => {
  if (sameDim(a, b)) return 1
  const divisor = [...termsOf(b)]
  if (divisor.length !== 1) return undefined
  const [name, factor] = divisor[0]!
  const quotient = new Map<string, number>()
  for (const [term, value] of termsOf(a)) {
    const rest = divideMonomial(term, name)
    if (rest === undefined || value % factor !== 0) return undefined
    quotient.set(rest, value / factor)
  }
  return simplify(quotient)
}

/** ⌊dim / divisor⌋ for a number or a single name; undefined for other polynomials, whose parts round differently. */
export const floorDivideDim = (dim: Dim, divisor: number): Dim | undefined => {
  if (typeof dim === 'number') return Math.floor(dim / divisor)
  return namePattern.test(dim.key) ? new SymbolicDim(new Map([[`${dim.key}/${divisor}`, 1]])) : undefined
}

/** The name and divisor of a rounded quotient such as `T/4`; undefined for a name. */
export const quotientOf = (name: string): { readonly name: string; readonly divisor: number } | undefined => {
  const at = name.indexOf('/')
  return at < 0 ? undefined : { name: name.slice(0, at), divisor: Number(name.slice(at + 1)) }
}

/** True when both have the same length for every size. */
export const sameDim = (a: Dim, b: Dim): boolean =>
  typeof a === 'number' || typeof b === 'number' ? a === b : a.key === b.key

/** True when both shapes have the same axes for every size. */
export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((dim, axis) => sameDim(dim, b[axis]!))

/** Product of all axes: number of elements. */
export const sizeOf = (shape: Shape): Dim => shape.reduce<Dim>(multiplyDims, 1)

/** `[B, T, 64]`. */
export const shapeText = (shape: Shape): string => `[${shape.join(', ')}]`

/** Lengths of the named dimensions of one call. */
export type Bindings = ReadonlyMap<string, number>

/** Length of `dim` for the given sizes. @throws TensorError when a name has no size */
export const bindDim = (dim: Dim, bindings: Bindings): number => {
  if (typeof dim === 'number') return dim
  let total = 0
  for (const [term, factor] of dim.terms) {
    let value = factor
    for (const name of term.split('*')) if (name !== '') value *= sizeOfName(name, bindings)
    total += value
  }
  return total
}

const sizeOfName = (name: string, bindings: Bindings): number => {
  const quotient = quotientOf(name)
  if (quotient) return Math.floor(sizeOfName(quotient.name, bindings) / quotient.divisor)
  const size = bindings.get(name)
  if (size === undefined)
    throw new TensorError(
      'dimension',
      `run: dimension '${name}' must be an axis of an argument, got none. Declare it in an input.`,
    )
  return size
}

/** Shape with every dimension a number. */
export const bindShape = (shape: Shape, bindings: Bindings): number[] => shape.map((dim) => bindDim(dim, bindings))
