import { statSync } from 'node:fs'
import { parse, relative, resolve } from 'node:path'
import { TensorError } from '../errors'
import { type Graph, lowerProgram } from '../onnx/graph'
import { writeModel } from '../onnx/model'
import type { Program } from '../trace'
import { resultsOnGpu } from './gpu-arrays'
import type { HostLoadOptions } from './host'
import type { NodeRuntimeOptions } from './node'
import type { OrtModel } from './ort-session'
import { signatureOf } from './signature'

/** `program` as a model for `onnxruntime-node`; constants that are ranges of files stay there. */
export const nodeModel = (
  program: Program,
  { threads, provider = 'cpu', profileFolder }: NodeRuntimeOptions,
  loading: HostLoadOptions = {},
): OrtModel => {
  const { prepack = false, empty } = loading
  const graph = lowerProgram(program, provider, empty)
  requireFiles(program.name, graph)
  const firstFile = [...graph.initializers.values()].find(({ location }) => location)?.location?.path
  const root = firstFile && parse(resolve(firstFile)).root // ONNX Runtime reads no file outside the folder it is given
  return {
    ...signatureOf(program, graph),
    bytes: writeModel(graph, (path) => relative(root!, resolve(path))),
    session: {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
      enableMemPattern: false, // shapes change from call to call
      logSeverityLevel: 3,
      ...(provider === 'webgpu' && resultsOnGpu(graph, loading)),
      ...(threads && { intraOpNumThreads: threads }),
      ...(profileFolder && { enableProfiling: true, profileFilePrefix: `${profileFolder}/${program.name}` }),
      extra: {
        session: {
          ...(prepack || !root ? {} : { disable_prepacking: '1' }),
          ...(root && { model_external_initializers_file_folder_path: root }),
        },
      },
    },
  }
}

/** ONNX Runtime says neither which file nor what to do. @throws TensorError `session` with the `path` */
const requireFiles = (name: string, { initializers }: Graph): void => {
  const needed = new Map<string, number>()
  for (const { location } of initializers.values())
    if (location)
      needed.set(location.path, Math.max(needed.get(location.path) ?? 0, location.offset + location.byteLength))
  for (const [path, bytes] of needed) {
    const size = statSync(path, { throwIfNoEntry: false })?.size
    if (size !== undefined && size >= bytes) continue
    const got = size === undefined ? 'no such file' : `${size} bytes`
    throw new TensorError(
      'session',
      `load: ${name} needs constants from ${bytes} bytes of ${path}, got ${got}. Check the path, or copy the file again.`,
      { path },
    )
  }
}
