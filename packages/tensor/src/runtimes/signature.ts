import type { Graph } from '../onnx/graph'
import type { Program } from '../trace'
import { mayOverwrite } from '../transform/overwrite'
import type { OrtModel } from './ort-host'

/** Names in `graph`, and which results may take the place of an argument. */
export const signatureOf = (
  program: Program,
  { nodes, inputs, outputs }: Graph,
): Omit<OrtModel, 'bytes' | 'session'> => ({
  name: program.name,
  ops: nodes.map(({ op }) => op),
  inputs: inputs.map(({ name }) => name),
  outputs: outputs.map(({ name }) => name),
  overwrites: program.outputs.map((_, i) => i < program.inputs.length && mayOverwrite(program, i)),
})
