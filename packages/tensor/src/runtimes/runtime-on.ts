import { bindInputs } from '../bind'
import { emptyAxes, symbolicAxes } from '../empty-axes'
import { TensorError } from '../errors'
import { type Executable, isResident, type Operand, type Resident, type Runtime } from '../runtime'
import type { Program } from '../trace'
import { callQueue, disposedError } from './call-queue'
import type { Host } from './host'

/**
 * The runtime over `host`: what is equal for all of them. Calls run in the order in which they were made, whether anybody
 * waited for the one before or not; arguments are checked before they get in line; a disposed runtime refuses everything.
 *
 * @param atOnce calls that the host is given at a time; more than one only where the host keeps their order
 */
export const runtimeOn = (name: string, host: Host, { atOnce = 1 }: { readonly atOnce?: number } = {}): Runtime => {
  const queue = callQueue(atOnce)
  const owned = new WeakSet<Resident>()
  let disposal: Promise<void> | undefined
  const requireOwn = (resident: Resident, what: string) => {
    if (disposal) throw disposedError()
    if (!owned.has(resident)) throw foreign(what)
  }
  const runtime: Runtime = {
    name,
    load: async (program, options = {}) => {
      const loaded = await queue.add(() => host.load(program, options))
      return executable(program, loaded, (empty) => host.load(program, { ...options, empty }))
    },
    upload: async (array) => {
      const resident = await queue.add(() => host.upload(array))
      owned.add(resident)
      return resident
    },
    download: async (resident) => {
      requireOwn(resident, 'download: the array')
      return queue.add(() => host.download(resident))
    },
    write: async (resident, array) => {
      requireOwn(resident, 'write: the array')
      requireSame(resident, array)
      return queue.add(() => host.write(resident, array))
    },
    dispose: () => {
      disposal ??= queue.close().then(() => host.dispose())
      return disposal
    },
    [Symbol.asyncDispose]: () => runtime.dispose(),
  }
  /** Calls with empty axes get a graph of their own, made when the first of them comes. */
  const executable = (
    program: Program,
    loaded: Executable,
    loadFor: (empty: ReadonlySet<string>) => Promise<Executable>,
  ): Executable => {
    const axes = symbolicAxes(program)
    const variants = new Map([['', loaded]])
    const variant = async (key: string, empty: ReadonlySet<string>): Promise<Executable> => {
      const known = variants.get(key) ?? (await loadFor(empty))
      variants.set(key, known)
      return known
    }
    const release = () => Promise.all([...variants.values()].map((each) => each.dispose())).then(() => undefined)
    let released: Promise<void> | undefined
    const check = (operand: Operand, i: number) => {
      if (isResident(operand)) requireOwn(operand, `run: argument ${program.inputs[i]!.name.replace(/^in_/, '')}`)
    }
    return {
      run: async (inputs, targets, options = {}) => {
        if (released && !disposal) throw disposedError('program')
        inputs.forEach(check)
        const empty = emptyAxes(axes, bindInputs(program.inputs, inputs))
        const key = [...empty].join(' ')
        const call = async () => (await variant(key, empty)).run(inputs, targets, options)
        return queue.add(call, options.signal, { alone: !variants.has(key) })
      },
      dispose: async () => {
        if (!disposal) released ??= queue.add(release)
        await (disposal ?? released)
      },
    }
  }
  return runtime
}

const foreign = (what: string): TensorError =>
  new TensorError('argument', `${what} must be a resident array of this runtime, got one of another. Upload it here.`)

const requireSame = (resident: Resident, { dtype, shape }: Pick<Resident, 'dtype' | 'shape'>): void => {
  if (dtype === resident.dtype && `${shape}` === `${resident.shape}`) return
  throw new TensorError(
    'argument',
    `write: expected ${resident.dtype}[${resident.shape}] as uploaded, got ${dtype}[${shape}]. Upload it as an array of its own.`,
    { shapes: [`[${resident.shape}]`, `[${shape}]`] },
  )
}
