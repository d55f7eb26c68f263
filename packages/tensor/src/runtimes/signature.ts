import type { Shape } from '../dimension'
import type { DType } from '../dtype'
import { DTypeError } from '../errors'
import type { Graph } from '../onnx/graph'
import type { Program } from '../trace'
import { mayOverwrite } from '../transform/overwrite'
import { staysOnGpu } from './gpu-arrays'
import type { HostLoadOptions } from './host'
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

/** Session options that keep carried results on the GPU; all other results come into memory. */
export const resultsOnGpu = (
  { outputs }: Graph,
  { carried = 0, empty }: HostLoadOptions,
): Pick<OrtModel['session'], 'preferredOutputLocation'> => {
  if (carried === 0 || empty?.size) return {}
  const stays = (i: number, dtype: DType, shape: Shape) =>
    i < carried && staysOnGpu({ type: dtype, size: shape.includes(0) ? 0 : 1 })
  return {
    preferredOutputLocation: Object.fromEntries(
      outputs.map(({ name, dtype, shape }, i) => [name, stays(i, dtype, shape) ? 'gpu-buffer' : 'cpu']),
    ),
  }
}
