import { bindDim, type Dim, multiplyDims, quotientOf, SymbolicDim, sameDim, shapeText } from '../dimension'
import { ShapeError } from '../errors'
import { requireFloating, type Tensor } from '../tensor'
import { cast } from './cast'
import { arange } from './dimension-size'
import { equal, mul } from './elementwise'
import { matmul } from './matmul'
import { sum } from './reduce'
import { reshape, transpose } from './reshape'

/**
 * Sum of products over named axes, in NumPy's notation: `einsum('bthd,bshd->bhts', q, k)`. Letters that the result
 * leaves out are summed over; a letter twice in one operand is its diagonal; `...` stands for leading axes, which
 * broadcast. Without `->` the result has the letters that occur once, in alphabetical order.
 *
 * It is composed of other ops: products of two operands become one `matmul` each, cheapest pair first, whose transposed
 * forms are used before axes are moved.
 *
 * @throws ShapeError when letters and axes do not fit
 */
export const einsum = (equation: string, ...operands: readonly Tensor[]): Tensor => {
  for (const operand of operands) requireFloating('einsum', operand)
  const { inputs, output } = parse(equation, operands)
  requireEqualLengths(equation, inputs)
  let terms = inputs.map(diagonals)
  while (terms.length > 1) {
    const [i, j] = cheapestPair(terms)
    const rest = terms.filter((_, at) => at !== i && at !== j)
    const kept = new Set([...output, ...rest.flatMap(({ labels }) => labels)])
    terms = [...rest, product(terms[i]!, terms[j]!, kept, output)]
  }
  return arrange(sumOut(terms[0]!, new Set(output)), output)
}

/** An operand with one label for each axis. */
interface Term {
  readonly x: Tensor
  readonly labels: readonly string[]
}

const parse = (equation: string, operands: readonly Tensor[]): { inputs: Term[]; output: string[] } => {
  const [left = '', right, ...more] = equation.replaceAll(' ', '').split('->')
  const sides = left.split(',')
  if (more.length || sides.length !== operands.length || operands.length === 0)
    throw mistake(equation, `one group of letters for each of ${operands.length} operands`, `${sides.length}`)
  const ranks = sides.map((side, i) => operands[i]!.shape.length - side.replace('...', '').length)
  const inputs = sides.map((side, i) => {
    const x = operands[i]!
    const labels = expand(side, side.includes('...') ? ranks[i]! : 0)
    if (!labels || labels.length !== x.shape.length)
      throw mistake(equation, `one letter for each axis of ${shapeText(x.shape)}`, `'${side}'`)
    return { x, labels }
  })
  const dots = Math.max(0, ...ranks.filter((_, i) => sides[i]!.includes('...')))
  const output = right === undefined ? implicit(inputs, dots) : expand(right, right.includes('...') ? dots : 0)
  const known = new Set(inputs.flatMap(({ labels }) => labels))
  if (!output || new Set(output).size !== output.length || !output.every((label) => known.has(label)))
    throw mistake(equation, 'letters of the operands in the result, each once', `'${right}'`)
  return { inputs: inputs.map((term) => withoutStretched(term, inputs)), output }
}

/** Labels of one group; the axes of `...` are `.0`, `.1`, … counted from the last. */
const expand = (group: string, dots: number): string[] | undefined => {
  if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(group) || dots < 0) return undefined
  const stretch = Array.from({ length: dots }, (_, i) => `.${dots - 1 - i}`)
  const [before = '', after = ''] = group.split('...')
  return [...before, ...stretch, ...after]
}

const implicit = (inputs: readonly Term[], dots: number): string[] => {
  const all = inputs.flatMap(({ labels }) => labels).filter((label) => !label.startsWith('.'))
  const once = all.filter((label) => all.indexOf(label) === all.lastIndexOf(label)).sort()
  return [...expand('...', dots)!, ...once]
}

/** Axes of 1 under `...` that are longer in another operand fall away: the product stretches over them. */
const withoutStretched = (term: Term, all: readonly Term[]): Term => {
  const longer = (label: string) =>
    all.some(({ x, labels }) => labels.some((l, at) => l === label && x.shape[at] !== 1))
  const kept = term.labels.map((label, at) => !(label.startsWith('.') && term.x.shape[at] === 1 && longer(label)))
  const shape = term.x.shape.filter((_, at) => kept[at])
  return { x: reshape(term.x, shape), labels: term.labels.filter((_, at) => kept[at]) }
}

const requireEqualLengths = (equation: string, terms: readonly Term[]): void => {
  const lengths = new Map<string, Dim>()
  for (const { x, labels } of terms)
    labels.forEach((label, axis) => {
      const [length, before] = [x.shape[axis]!, lengths.get(label) ?? x.shape[axis]!]
      if (!sameDim(length, before))
        throw mistake(equation, `axis '${label}' of one length`, `${before} and ${length}`, terms)
      lengths.set(label, before)
    })
}

const mistake = (equation: string, expected: string, got: string, terms: readonly Term[] = []): ShapeError =>
  new ShapeError(`einsum: '${equation}' needs ${expected}, got ${got}. Correct the equation or the operands.`, {
    op: 'einsum',
    shapes: terms.map(({ x }) => shapeText(x.shape)),
  })

/** A label that occurs twice in one operand keeps the elements at which both of its axes agree. */
const diagonals = ({ x, labels }: Term): Term => {
  const second = labels.findIndex((label, axis) => labels.indexOf(label) < axis)
  if (second < 0) return { x, labels }
  const first = labels.indexOf(labels[second]!)
  const along = (axis: number) =>
    reshape(
      arange(x.shape[axis]!),
      labels.map((_, at) => (at === axis ? -1 : 1)),
    )
  const hits = cast(equal(along(first), along(second)), x.dtype)
  return diagonals({ x: sum(mul(x, hits), { axes: second }), labels: labels.filter((_, axis) => axis !== second) })
}

const lengthOf = (term: Term, label: string): Dim => term.x.shape[term.labels.indexOf(label)]!

const sumOut = ({ x, labels }: Term, kept: ReadonlySet<string>): Term => ({
  x: sum(x, { axes: labels.flatMap((label, axis) => (kept.has(label) ? [] : [axis])) }),
  labels: labels.filter((label) => kept.has(label)),
})

/** The pair whose product takes the fewest multiplications, with every named dimension taken as 128. */
const cheapestPair = (terms: readonly Term[]): [number, number] => {
  let best: [number, number] = [0, 1]
  let least = Number.POSITIVE_INFINITY
  terms.forEach((a, i) => {
    terms.slice(i + 1).forEach((b, offset) => {
      const labels = [...new Set([...a.labels, ...b.labels])]
      const cost = labels.reduce((size, label) => size * nominal(lengthOf(a.labels.includes(label) ? a : b, label)), 1)
      if (cost < least) [best, least] = [[i, i + 1 + offset], cost]
    })
  })
  return best
}

const nominal = (dim: Dim): number => {
  if (!(dim instanceof SymbolicDim)) return dim
  const names = [...dim.terms.keys()].flatMap((term) => term.split('*'))
  return bindDim(dim, new Map(names.map((name) => [quotientOf(name)?.name ?? name, 128])))
}

/** Product of two terms, summed over the labels that nothing needs afterwards. */
const product = (left: Term, right: Term, kept: ReadonlySet<string>, output: readonly string[]): Term => {
  const needed = (other: Term) => new Set([...kept, ...other.labels])
  const [a, b] = [sumOut(left, needed(right)), sumOut(right, needed(left))]
  const shared = a.labels.filter((label) => b.labels.includes(label))
  const contracted = shared.filter((label) => !kept.has(label))
  if (contracted.length === 0) return outer(a, b)
  const place = (label: string) => output.indexOf(label)
  const byOutput = (labels: readonly string[]) => labels.toSorted((p, q) => place(p) - place(q))
  const batch = byOutput(shared.filter((label) => kept.has(label)))
  const [rows, columns] = [a, b].map(({ labels }) => byOutput(labels.filter((label) => !shared.includes(label))))
  // Results come as [batch, rows, columns]: take the operand whose labels come first in the output as the rows.
  return place(columns![0] ?? '') < place(rows![0] ?? '') && columns!.length > 0
    ? contract(b, a, { batch, rows: columns!, columns: rows!, contracted })
    : contract(a, b, { batch, rows: rows!, columns: columns!, contracted })
}

interface Plan {
  readonly batch: readonly string[]
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  readonly contracted: readonly string[]
}

/** One matmul: each group of labels is one axis, the operands transposed by its flags where that spares a move. */
const contract = (a: Term, b: Term, { batch, rows, columns, contracted }: Plan): Term => {
  const transposeA = comesFirst(a, contracted, rows)
  const transposeB = !comesFirst(b, contracted, columns)
  const left = grouped(a, batch, transposeA ? [contracted, rows] : [rows, contracted])
  const right = grouped(b, batch, transposeB ? [columns, contracted] : [contracted, columns])
  const lengths = [...batch, ...rows].map((label) => lengthOf(a, label))
  const shape = [...lengths, ...columns.map((label) => lengthOf(b, label))]
  return { x: reshape(matmul(left, right, { transposeA, transposeB }), shape), labels: [...batch, ...rows, ...columns] }
}

/** True when the first labels of `one` stand before those of `other` in the operand. */
const comesFirst = ({ labels }: Term, one: readonly string[], other: readonly string[]): boolean =>
  other.length > 0 && labels.indexOf(one[0]!) < labels.indexOf(other[0]!)

const grouped = (term: Term, batch: readonly string[], groups: readonly (readonly string[])[]): Tensor => {
  const sizes = groups.map((group) => group.map((label) => lengthOf(term, label)).reduce(multiplyDims, 1))
  const lead = batch.map((label) => lengthOf(term, label))
  return reshape(arrange(term, [...batch, ...groups.flat()]), [...lead, ...sizes])
}

/** Elementwise product with broadcasting, where no label is summed over. */
const outer = (a: Term, b: Term): Term => {
  const labels = [...a.labels, ...b.labels.filter((label) => !a.labels.includes(label))]
  const spread = (term: Term) => {
    const own = labels.filter((label) => term.labels.includes(label))
    const shape = labels.map((label) => (own.includes(label) ? lengthOf(term, label) : 1))
    return reshape(arrange(term, own), shape)
  }
  return { x: mul(spread(a), spread(b)), labels }
}

const arrange = ({ x, labels }: Term, order: readonly string[]): Tensor =>
  transpose(
    x,
    order.map((label) => labels.indexOf(label)),
  )
