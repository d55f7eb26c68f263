import { TensorError } from '../errors'
import type { Graph } from './graph'

/**
 * `graph` with arguments and results under other names: `{ 'in_0.ids': 'input_ids', out_0: 'logits' }`.
 *
 * @throws TensorError `argument` when a name is no argument or result of the graph, or would occur twice
 */
export const renameValues = (graph: Graph, names: Readonly<Record<string, string>>): Graph => {
  const ends = [...graph.inputs, ...graph.outputs].map(({ name }) => name)
  const unknown = Object.keys(names).find((name) => !ends.includes(name))
  if (unknown !== undefined)
    throw new TensorError(
      'argument',
      `renameValues: expected one of ${ends.join(', ')}, got ${unknown}. Correct the name.`,
    )
  const to = (name: string) => names[name] ?? name
  const inner = graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => !ends.includes(name))
  const all = [...ends.map(to), ...inner, ...graph.initializers.keys()]
  const twice = all.find((name, at) => name !== '' && all.indexOf(name) !== at && Object.values(names).includes(name))
  if (twice !== undefined)
    throw new TensorError('argument', `renameValues: names must be unique, got ${twice} twice. Choose another name.`)
  return {
    ...graph,
    inputs: graph.inputs.map((value) => ({ ...value, name: to(value.name) })),
    outputs: graph.outputs.map((value) => ({ ...value, name: to(value.name) })),
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(to), outputs: node.outputs.map(to) })),
  }
}
