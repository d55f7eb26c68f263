import { type Dim, SymbolicDim, shapeText } from './dimension'
import { constantSource, isInput, type Node, scalarValue, Tensor } from './tensor'
import type { Program } from './trace'

/**
 * A program as text, one operation a line, with types: what was traced, for reading and for snapshots in tests.
 * Arguments are `$path`, results `%number` in the order in which they run; scalar constants stand where they are used.
 */
export const programText = (program: Program): string => {
  const names = new Map<Node, readonly string[]>()
  const nameOf = ({ node, index }: Tensor) => names.get(node)![index]!
  const lines: string[] = []
  let results = 0
  for (const node of program.nodes) {
    const tensors = node.outputs.map((_, index) => new Tensor(node, index))
    const inline = inlineName(tensors[0]!)
    names.set(node, inline ? [inline] : tensors.map(() => `%${results++}`))
    if (!inline) lines.push(`  ${tensors.map((x) => typed(nameOf(x), x)).join(', ')} = ${callText(node, nameOf)}`)
  }
  const inputs = program.inputs.map(({ name, tensor }) => typed(argumentName(name), tensor))
  const outputs = program.outputs.map(nameOf)
  return [`${program.name}(${inputs.join(', ')})`, ...lines, `  return ${outputs.join(', ')}`].join('\n')
}

const typed = (name: string, { dtype, shape }: Tensor): string => `${name}: ${dtype}${shapeText(shape)}`

const argumentName = (name: string): string => name.replace(/^in_/, '$')

/** What stands for an argument or a scalar constant; undefined for what gets a line of its own. */
const inlineName = (tensor: Tensor): string | undefined => {
  if (isInput(tensor)) return argumentName((tensor.node.attributes as { readonly name: string }).name)
  const value = scalarValue(tensor)
  return value === undefined ? undefined : `${value}`
}

const callText = (node: Node, nameOf: (tensor: Tensor) => string): string => {
  const source = node.inputs.length === 0 ? constantSource(new Tensor(node)) : undefined
  if (source) return source.location ? `constant in ${source.location.path.split(/[\\/]/).at(-1)}` : 'constant'
  return `${node.op.name}(${node.inputs.map(nameOf).join(', ')})${attributesText(node.attributes)}`
}

/** ` {axis: 1, begin: T-1}`; what is false or a function is left out. */
const attributesText = (attributes: unknown): string => {
  const entries = Object.entries((attributes ?? {}) as Record<string, unknown>)
  const shown = entries.filter(([, value]) => value !== undefined && value !== false && typeof value !== 'function')
  return shown.length ? ` {${shown.map(([key, value]) => `${key}: ${valueText(value)}`).join(', ')}}` : ''
}

const valueText = (value: unknown): string => {
  if (Array.isArray(value)) return shapeText(value as Dim[])
  if (value instanceof SymbolicDim || typeof value !== 'object') return String(value)
  return JSON.stringify(value)
}
