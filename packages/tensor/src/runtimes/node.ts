import { parse, relative } from 'node:path'
import * as ort from 'onnxruntime-node'
import type { NdArray } from '../array'
import { bindInputs } from '../bind'
import { TensorError } from '../errors'
import { lowerProgram } from '../onnx/graph'
import { writeModel } from '../onnx/model'
import { type Executable, isResident, type LoadOptions, type Operand, type Resident, type Runtime } from '../runtime'
import type { Program } from '../trace'
import { mayOverwrite } from '../transform/overwrite'
import { emptyLike, fromOrt, toOrt } from './ort'

/** Options of `nodeRuntime`. */
export interface NodeRuntimeOptions {
  /** Threads of one operation (default: ONNX Runtime's choice, the physical cores). */
  readonly threads?: number
  /** Execution provider: `cpu` (default), or `webgpu` and others that the installed package has. */
  readonly provider?: 'cpu' | 'webgpu'
  /** Folder for ONNX Runtime's profiles, one file per program; undefined for none. */
  readonly profileFolder?: string
}

interface Held extends Resident {
  tensor: ort.Tensor
  spare: ort.Tensor | undefined
}

/**
 * A runtime on `onnxruntime-node` in this thread. A running program blocks the event loop.
 */
export const nodeRuntime = async (options: NodeRuntimeOptions = {}): Promise<Runtime> => {
  const executables = new Set<Executable>()
  let disposed = false
  const alive = () => {
    if (disposed)
      throw new TensorError('disposed', 'run: expected a live runtime, got a disposed one. Create a new runtime.')
  }
  const runtime: Runtime = {
    name: `node-${options.provider ?? 'cpu'}`,
    load: async (program, loadOptions) => {
      alive()
      const loaded = await loadProgram(program, options, loadOptions, alive)
      const executable: Executable = {
        run: loaded.run,
        dispose: async () => {
          executables.delete(executable)
          await loaded.dispose()
        },
      }
      executables.add(executable)
      return executable
    },
    upload: async (array) => {
      alive()
      const held: Held = {
        resident: true,
        dtype: array.dtype,
        shape: array.shape,
        tensor: toOrt(ort.Tensor, { ...array, data: array.data.slice() }),
        spare: undefined,
      }
      return held
    },
    download: async (resident) => {
      alive()
      const array = fromOrt((resident as Held).tensor)
      return { ...array, data: array.data.slice() }
    },
    write: async (resident, array) => {
      alive()
      ;(resident as Held).tensor = toOrt(ort.Tensor, { ...array, data: array.data.slice() })
    },
    dispose: async () => {
      disposed = true
      await Promise.all([...executables].map((executable) => executable.dispose()))
      executables.clear()
    },
    [Symbol.asyncDispose]: () => runtime.dispose(),
  }
  return runtime
}

const loadProgram = async (
  program: Program,
  options: NodeRuntimeOptions,
  loadOptions: LoadOptions | undefined,
  alive: () => void,
): Promise<Executable> => {
  const session = await createSession(program, options, loadOptions)
  const overwrites = program.outputs.map((_, i) => i < program.inputs.length && mayOverwrite(program, i))
  let released = false
  return {
    run: async (inputs, targets) => {
      alive()
      bindInputs(program.inputs, inputs)
      return runSession(session, program, inputs, targets, overwrites)
    },
    dispose: async () => {
      if (!released) await session.release()
      released = true
    },
  }
}

const createSession = async (
  program: Program,
  { threads, provider = 'cpu', profileFolder }: NodeRuntimeOptions,
  { prepack = false }: LoadOptions = {},
): Promise<ort.InferenceSession> => {
  const graph = lowerProgram(program, provider === 'cpu' ? 'cpu' : 'webgpu')
  const bytes = writeModel(graph, (path) => relative(parse(path).root, path))
  const firstFile = [...graph.initializers.values()].find(({ location }) => location)?.location?.path
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
      enableMemPattern: false, // shapes change from call to call
      logSeverityLevel: 3,
      ...(threads && { intraOpNumThreads: threads }),
      ...(profileFolder && { enableProfiling: true, profileFilePrefix: `${profileFolder}/${program.name}` }),
      extra: {
        session: {
          ...(prepack || !firstFile ? {} : { disable_prepacking: '1' }),
          ...(firstFile && { model_external_initializers_file_folder_path: parse(firstFile).root }),
        },
      },
    })
  } catch (cause) {
    throw new TensorError(
      'session',
      `load: ${program.name} must be accepted by ONNX Runtime, got: ${messageOf(cause)}`,
      {
        cause,
      },
    )
  }
}

const runSession = async (
  session: ort.InferenceSession,
  program: Program,
  inputs: readonly Operand[],
  targets: readonly (Resident | undefined)[],
  overwrites: readonly boolean[],
): Promise<(NdArray | undefined)[]> => {
  const feeds: Record<string, ort.Tensor> = {}
  program.inputs.forEach(({ name }, i) => {
    feeds[name] = tensorOf(inputs[i]!)
  })
  const fetches: Record<string, ort.Tensor | null> = {}
  program.outputs.forEach((_, i) => {
    fetches[`out_${i}`] = targets[i] ? destination(targets[i] as Held, overwrites[i]!) : null
  })
  const results = await session.run(feeds, fetches as ort.InferenceSession.OnnxValueMapType).catch((cause: unknown) => {
    throw new TensorError('run', `run: ${program.name} must run, got: ${messageOf(cause)}`, { cause })
  })
  return program.outputs.map((_, i) => {
    const target = targets[i] as Held | undefined
    if (!target) return fromOrt(results[`out_${i}`] as ort.Tensor)
    if (!overwrites[i]) swap(target)
    return undefined
  })
}

const tensorOf = (operand: Operand): ort.Tensor =>
  isResident(operand) ? (operand as Held).tensor : toOrt(ort.Tensor, operand)

/** Buffer that a result goes to: the array itself where that is safe, else a second one that then takes its place. */
const destination = (target: Held, overwrite: boolean): ort.Tensor => {
  if (overwrite) return target.tensor
  target.spare ??= toOrt(ort.Tensor, emptyLike(target))
  return target.spare
}

const swap = (target: Held): void => {
  const written = target.spare!
  target.spare = target.tensor
  target.tensor = written
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
