import { type Graph, lowerProgram } from '../onnx/graph'
import { byteLengthOf, writeModel } from '../onnx/model'
import type { ConstantSource } from '../tensor'
import type { Program } from '../trace'
import { resultsOnGpu } from './gpu-arrays'
import type { HostLoadOptions } from './host'
import type { OrtModel } from './ort-session'
import { signatureOf } from './signature'
import type { WebRuntimeOptions } from './web'

/** Constants from this size on stay outside the model, which saves a copy of them and keeps it below 2 GB. */
const largeConstant = 1 << 16

/** `program` as a model for `onnxruntime-web`: large constants beside it, as bytes in memory. */
export const webModel = (
  program: Program,
  { provider = 'wasm' }: WebRuntimeOptions,
  loading: HostLoadOptions = {},
): OrtModel => {
  const graph = lowerProgram(program, provider, loading.empty)
  const large = new Map([...graph.initializers].filter(([, source]) => byteLengthOf(source) >= largeConstant))
  const externalData = [...large].map(([path, source]) => ({ path, data: bytesOf(source) }))
  return {
    ...signatureOf(program, graph),
    bytes: writeModel({ ...graph, initializers: placed(graph, large) }),
    session: {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      ...(provider === 'webgpu' && resultsOnGpu(graph, loading)),
      ...(externalData.length > 0 && { externalData }),
    },
  }
}

/** Initialisers with the large ones at the beginning of a file of their own name, and none in a file of the disk. */
const placed = ({ initializers }: Graph, large: ReadonlyMap<string, ConstantSource>): Graph['initializers'] =>
  new Map(
    [...initializers].map(([name, given]) => {
      const source: ConstantSource = { ...given, location: undefined }
      const location = { path: name, offset: 0, byteLength: byteLengthOf(source) }
      return [name, large.has(name) ? { ...source, location } : source]
    }),
  )

const bytesOf = (source: ConstantSource): Uint8Array => {
  const data = source.read()
  return new Uint8Array(data.buffer, data.byteOffset, byteLengthOf(source))
}
