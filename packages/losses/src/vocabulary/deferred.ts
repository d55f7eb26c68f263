import {
  backward,
  constantSource,
  defineOp,
  isTensor,
  type Lowering,
  leavesOf,
  mapTree,
  type Node,
  type OperandGradient,
  type Program,
  Tensor,
  type TensorType,
  type TypeTree,
  trace,
  type Value,
} from '@qilin-med/tensor'

/** Operands by name; undefined ones are left out. */
export type Operands = Readonly<Record<string, Tensor | undefined>>

/** Gradients that arrived, by result. */
export type Received<Name extends string> = { readonly [K in Name]?: Tensor | undefined }

/** What a deferred computation is made of. */
export interface DeferredOptions<In extends Operands, Name extends string> {
  /** Name in printed traces and errors. */
  readonly name: string
  readonly operands: In
  /** Type of every result that may be asked for. */
  readonly results: Readonly<Record<Name, TensorType>>
  /** Builds the wanted results from the operands. Other tensors it uses must be constants. */
  expand(operands: In, wanted: ReadonlySet<string>): Received<Name>
  /** Gradients by operand; by default, or where it returns undefined, the expansion is differentiated. */
  gradient?(
    received: Received<Name>,
    get: (name: Name) => Tensor,
  ): Partial<Record<keyof In, OperandGradient>> | undefined
}

/**
 * Results of one computation, by name. It is built only when a program that uses it is complete, and then computes
 * what was asked for by then and nothing else: several results share one walk over large data without anybody having
 * to say beforehand which they will be.
 */
export const deferred = <In extends Operands, Name extends string>(
  options: DeferredOptions<In, Name>,
): ((name: Name) => Tensor) => {
  const given = freeOperands(options.operands)
  const names = Object.keys(options.results) as Name[]
  const wanted = new Set<Name>() // grows while the program is traced; results that nobody asked for are never read
  const get = (name: Name): Tensor => {
    wanted.add(name)
    return new Tensor(node, names.indexOf(name))
  }
  const rule = (cotangents: readonly (Tensor | undefined)[]): readonly OperandGradient[] => {
    const received = Object.fromEntries(names.map((name, i) => [name, cotangents[i]])) as Received<Name>
    const gradients = options.gradient?.(received, get) ?? differentiate(options, received)
    return given.map(({ key }) => gradients[key])
  }
  const { node } = deferredOp(options.name)(
    given.map(({ tensor }) => tensor),
    {
      results: names.map((name) => options.results[name]),
      program: () => {
        const asked = names.filter((name) => wanted.has(name))
        return { ...expansion(options, asked), asked: asked.map((name) => names.indexOf(name)) }
      },
      rule,
    },
  )
  return get
}

interface DeferredAttributes {
  readonly results: readonly TensorType[]
  /** The computation of the results at the indices `asked`, in that order. */
  readonly program: () => Program & { readonly asked: readonly number[] }
  readonly rule: (cotangents: readonly (Tensor | undefined)[]) => readonly OperandGradient[]
}

const deferredOp = (name: string) =>
  defineOp<DeferredAttributes>({
    name,
    infer: (_, { results }) => results,
    gradient: ({ attributes }, cotangents) => attributes.rule(cotangents),
    lower: (onnx, operands, { attributes }) => {
      const { asked, ...program } = attributes.program()
      return spread(asked, lowerInline(onnx, program, operands), attributes.results.length, '')
    },
    evaluate: (operands, { program: build, results }, { bind }) => {
      const { asked, ...program } = build()
      const bound = (type: TensorType) => ({ dtype: type.dtype, shape: type.shape.map(bind) })
      const values = walkProgram(
        program,
        operands.map((value) => [value]),
        (node, inputs: readonly Value[]) =>
          node.op.evaluate(inputs, node.attributes as never, { outputs: node.outputs.map(bound), bind }),
      )
      return spread(asked, values, results.length, values[0]!)
    },
  })

/**
 * Operands that are no constants. Constants stay inside the expansion, which may read parts of them where they lie; as an
 * operand, a quantised one would be widened as a whole.
 */
const freeOperands = (operands: Operands): { readonly key: string; readonly tensor: Tensor }[] =>
  Object.entries(operands).flatMap(([key, tensor]) => (tensor && !constantSource(tensor) ? [{ key, tensor }] : []))

const expansion = (options: DeferredOptions<Operands, string>, asked: readonly string[]): Program => {
  const free = Object.fromEntries(freeOperands(options.operands).map(({ key, tensor }) => [key, tensor]))
  const types = mapTree(free, isTensor, ({ dtype, shape }) => ({ dtype, shape })) as TypeTree
  const build = (operands: Operands) => {
    const results = options.expand({ ...options.operands, ...operands }, new Set(asked))
    return asked.map((name) => results[name]!)
  }
  return trace(build, [types]).program
}

const lowerInline = (onnx: Lowering, program: Program, operands: readonly string[]): string[] =>
  walkProgram(
    program,
    operands.map((name) => [name]),
    (node, inputs: readonly string[]) =>
      node.op.lower(onnx, inputs, { attributes: node.attributes as never, inputs: node.inputs, outputs: node.outputs }),
  )

/** Carries one thing per tensor (a name, a value) through a program. */
const walkProgram = <T>(
  { nodes, inputs, outputs }: Program,
  operands: readonly (readonly T[])[],
  visit: (node: Node, inputs: readonly T[]) => T | readonly T[],
): T[] => {
  const made = new Map<Node, readonly T[]>(inputs.map(({ tensor }, i) => [tensor.node, operands[i]!]))
  const of = ({ node, index }: Tensor): T => made.get(node)![index]!
  for (const node of nodes) {
    if (made.has(node)) continue
    const result = visit(node, node.inputs.map(of))
    made.set(node, Array.isArray(result) ? (result as readonly T[]) : [result as T])
  }
  return outputs.map(of)
}

/** The computed results at their places; `nothing` at those that nobody reads. */
const spread = <T>(asked: readonly number[], values: readonly T[], length: number, nothing: T): T[] =>
  Array.from({ length }, (_, i) => values[asked.indexOf(i)] ?? nothing)

/** Gradients by differentiating the expansion itself: general, for what has no rule of its own. */
const differentiate = (
  { operands, expand }: DeferredOptions<Operands, string>,
  received: Received<string>,
): Record<string, Tensor> => {
  const names = Object.keys(received).filter((name) => received[name])
  const results = expand(operands, new Set(names))
  const variables = leavesOf(operands, isTensor)
  const gradients = backward(
    names.map((name) => results[name]!),
    names.map((name) => received[name]!),
    variables.map(({ leaf }) => leaf),
  )
  return Object.fromEntries(variables.map(({ path }, i) => [path, gradients[i]!]))
}
