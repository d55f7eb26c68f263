import { DTypeError } from '../errors'
import type { Graph } from '../onnx/graph'
import type { Program } from '../trace'
import { mayOverwrite } from '../transform/overwrite'
import type { OrtModel } from './ort-session'

/** Names in `graph`, and which results may take the place of an argument. */
export const signatureOf = (
  program: Program,
  { nodes, inputs, outputs }: Graph,
): Omit<OrtModel, 'bytes' | 'session'> => {
  for (const { name, dtype } of [...inputs, ...outputs])
    if (dtype === 'bfloat16')
      throw new DTypeError(
        `load: arguments and results cannot be bfloat16 on ONNX Runtime, got one at ${name.replace(/^in_/, '')}. Pass float32 or float16, or make it a constant.`,
      )
  return {
    name: program.name,
    ops: nodes.map(({ op }) => op),
    inputs: inputs.map(({ name }) => name),
    outputs: outputs.map(({ name }) => name),
    overwrites: program.outputs.map((_, i) => i < program.inputs.length && mayOverwrite(program, i)),
  }
}
