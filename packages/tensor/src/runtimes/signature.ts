import type { Graph } from '../onnx/graph'
import type { Program } from '../trace'
import { mayOverwrite } from '../transform/overwrite'
import type { OrtModel } from './ort-host'

/** Names of what goes into `graph` and comes out, and which results may take the place of an argument. */
export const signatureOf = (
  program: Program,
  { inputs, outputs }: Graph,
): Pick<OrtModel, 'name' | 'inputs' | 'outputs' | 'overwrites'> => ({
  name: program.name,
  inputs: inputs.map(({ name }) => name),
  outputs: outputs.map(({ name }) => name),
  overwrites: program.outputs.map((_, i) => i < program.inputs.length && mayOverwrite(program, i)),
})
