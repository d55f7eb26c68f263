import { type Dim, quotientOf, type Shape, SymbolicDim } from '../dimension'
import { type DType, isNumeric, type TypedArray, toTyped } from '../dtype'
import { TensorError } from '../errors'
import type { ConstantSource, Node, Tensor, TensorType } from '../tensor'
import type { Program } from '../trace'
import type { AttributeValue, Lowering, Target } from './lowering'
import { type FusedSum, fusedSums } from './sums'

/** One ONNX node, by names. */
export interface GraphNode {
  readonly type: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, AttributeValue>>
  readonly domain: string | undefined
  /** Name of the op that it was lowered from. */
  readonly op: string
}

/** A program as ONNX nodes and initializers, before it is written as bytes. */
export interface Graph {
  readonly name: string
  readonly nodes: readonly GraphNode[]
  readonly inputs: readonly { readonly name: string; readonly dtype: DType; readonly shape: Shape }[]
  readonly outputs: readonly { readonly name: string; readonly dtype: DType; readonly shape: Shape }[]
  readonly initializers: ReadonlyMap<string, ConstantSource>
  /**
   * Types of the results of the program's ops. ONNX Runtime finds few of them by itself, and without them its search for
   * memory to reuse takes time that grows with the square of the program.
   */
  readonly values: ReadonlyMap<string, TensorType>
}

/**
 * Lowers every node of `program` to ONNX for `target`.
 *
 * @param empty keys of the symbolic axes that are 0 in the calls this graph is for; see `emptyAxes`
 */
export const lowerProgram = (program: Program, target: Target, empty: ReadonlySet<string> = new Set()): Graph => {
  const builder = new GraphBuilder(program, target, empty)
  const { nameOf, values } = lowerNodes(builder, program)
  builder.op = 'result'
  const outputs = program.outputs.map((tensor, index) => {
    const name = `out_${index}`
    builder.addNode('Identity', [nameOf(tensor)], [name])
    return { name, dtype: tensor.dtype, shape: tensor.shape }
  })
  return {
    name: program.name,
    nodes: builder.graphNodes,
    inputs: program.inputs,
    outputs,
    initializers: builder.initializers,
    values,
  }
}

/** Names of the program's values in the graph, and their types. */
interface LoweredNodes {
  nameOf(tensor: Tensor): string
  readonly values: Map<string, TensorType>
}

/** Lowers the nodes in order; a product that a sum may take along waits for that sum. */
const lowerNodes = (builder: GraphBuilder, program: Program): LoweredNodes => {
  const names = new Map<Node, readonly string[]>()
  const nameOf = (tensor: Tensor): string => names.get(tensor.node)![tensor.index]!
  const values = new Map<string, TensorType>()
  const sums = fusedSums(program)
  const waiting = new Set([...sums.values()].map(({ product }) => product))
  const lower = (node: Node): void => {
    const sum = sums.get(node)
    let lowered = sum && lowerSum(builder, sum, nameOf)
    if (!lowered) {
      if (sum) lower(sum.product)
      lowered = lowerNode(builder, node, node.inputs.map(nameOf))
    }
    names.set(node, lowered)
    for (const [i, type] of node.outputs.entries()) {
      const name = lowered[i]
      if (name && node.inputs.length > 0 && !values.has(name)) values.set(name, type) // the first to have it made it
    }
  }
  for (const node of program.nodes) if (!waiting.has(node)) lower(node)
  return { nameOf, values }
}

const lowerSum = (
  builder: GraphBuilder,
  { product, addend }: FusedSum,
  nameOf: (tensor: Tensor) => string,
): readonly string[] | undefined => {
  const { op, inputs, outputs } = product
  if ([...inputs, ...outputs].some(({ shape }) => shape.some((dim) => builder.isEmpty(dim)))) return undefined
  builder.op = op.name
  const call = { attributes: product.attributes as never, inputs, outputs }
  const lowered = op.lowerSum!(builder, inputs.map(nameOf), nameOf(addend), call)
  return lowered === undefined ? undefined : [lowered]
}

const lowerNode = (builder: GraphBuilder, node: Node, inputs: readonly string[]): readonly string[] => {
  const { op, outputs } = node
  const computed = inputs.length > 0 && outputs.every(({ dtype }) => isNumeric(dtype) || dtype === 'bool')
  if (computed && outputs.every(({ shape }) => shape.some((dim) => builder.isEmpty(dim))))
    return outputs.map(({ dtype, shape }) => builder.zeros(dtype, shape))
  const call = { attributes: node.attributes as never, inputs: node.inputs, outputs }
  builder.op = op.name
  const lowered = op.lower(builder, inputs, call)
  return typeof lowered === 'string' ? [lowered] : lowered
}

class GraphBuilder implements Lowering {
  readonly graphNodes: GraphNode[] = []
  readonly initializers = new Map<string, ConstantSource>()
  readonly target: Target
  /** Name of the op whose nodes are added. */
  op = 'result'
  private readonly program: Program
  private readonly empty: ReadonlySet<string>
  private readonly sources = new Map<ConstantSource, string>()
  private readonly shared = new Map<string, string>()
  private readonly lengths = new Map<string, string>()

  constructor(program: Program, target: Target, empty: ReadonlySet<string>) {
    this.program = program
    this.target = target
    this.empty = empty
  }

  addNode(type: string, inputs: readonly string[], outputs: readonly string[], attributes = {}, domain?: string): void {
    this.graphNodes.push({ type, inputs, outputs, attributes, domain, op: this.op })
  }

  node(type: string, inputs: readonly string[], attributes = {}, domain?: string): string {
    return this.nodes(type, inputs, 1, attributes, domain)[0]!
  }

  nodes(type: string, inputs: readonly string[], count: number, attributes = {}, domain?: string): string[] {
    const id = this.graphNodes.length
    const outputs = Array.from({ length: count }, (_, i) => `${type}_${id}${i ? `_${i}` : ''}`)
    this.addNode(type, inputs, outputs, attributes, domain)
    return outputs
  }

  constant(dtype: DType, shape: readonly number[], values: TypedArray | readonly number[]): string {
    const data = toTyped(dtype, values)
    const key = data.length <= 16 ? `${dtype}[${shape}]${Array.from(data as Float32Array, String)}` : undefined
    const known = key === undefined ? undefined : this.shared.get(key)
    if (known) return known
    const name = `const_${this.initializers.size}`
    this.initializers.set(name, { dtype, shape, read: () => data })
    if (key !== undefined) this.shared.set(key, name)
    return name
  }

  initializer(source: ConstantSource): string {
    const known = this.sources.get(source)
    if (known) return known
    const name = this.addInitializer(source)
    this.sources.set(source, name)
    return name
  }

  private addInitializer(source: ConstantSource): string {
    const { dtype, shape, location, packing } = source
    if (!location && !packing) return this.constant(dtype, shape, source.read())
    const key = location && `${location.path}:${location.offset} ${packing ?? dtype}[${shape}]`
    const known = key && this.shared.get(key)
    if (known) return known
    const name = `weight_${this.initializers.size}`
    this.initializers.set(name, source)
    if (key) this.shared.set(key, name)
    return name
  }

  shape(shape: Shape): string {
    if (shape.every((dim) => typeof dim === 'number')) return this.constant('int64', [shape.length], shape as number[])
    if (shape.length === 1) return this.length(shape[0]!)
    return this.memo(`shape ${shape.join(',')}`, () =>
      this.node(
        'Concat',
        shape.map((dim) => this.length(dim)),
        { axis: 0 },
      ),
    )
  }

  dim(dim: Dim): string {
    if (typeof dim === 'number') return this.constant('int64', [], [dim])
    return this.memo(`scalar ${dim.key}`, () => this.node('Squeeze', [this.length(dim)]))
  }

  zeros(dtype: DType, shape: Shape): string {
    return this.node('Expand', [this.constant(dtype, [], [0]), this.shape(shape)])
  }

  isEmpty(dim: Dim): boolean {
    return typeof dim === 'number' ? dim === 0 : this.empty.has(dim.key)
  }

  /** A dimension as an int64 tensor [1]. */
  private length(dim: Dim): string {
    if (typeof dim === 'number') return this.constant('int64', [1], [dim])
    return this.memo(dim.key, () => {
      const terms = [...dim.terms].map(([monomial, factor]) => this.monomial(monomial, factor))
      return terms.reduce((total, term) => this.node('Add', [total, term]))
    })
  }

  private monomial(monomial: string, factor: number): string {
    const names = monomial.split('*').filter((name) => name !== '')
    const factors = names.map((name) => this.named(name))
    if (factor !== 1 || factors.length === 0) factors.push(this.constant('int64', [1], [factor]))
    return factors.reduce((product, next) => this.node('Mul', [product, next]))
  }

  /** A named dimension, read off the first argument that has it as an axis. */
  private named(name: string): string {
    return this.memo(`name ${name}`, () => {
      const quotient = quotientOf(name)
      if (quotient)
        return this.node('Div', [this.named(quotient.name), this.constant('int64', [1], [quotient.divisor])])
      for (const input of this.program.inputs) {
        const axis = input.shape.findIndex((dim) => dim instanceof SymbolicDim && dim.key === name)
        if (axis >= 0) return this.node('Shape', [input.name], { start: axis, end: axis + 1 })
      }
      throw new TensorError(
        'dimension',
        `compile: dimension '${name}' must be an axis of some input, got none in '${this.program.name}'. Declare an input with that axis.`,
      )
    })
  }

  private memo(key: string, make: () => string): string {
    const known = this.lengths.get(key)
    if (known !== undefined) return known
    const name = make()
    this.lengths.set(key, name)
    return name
  }
}
