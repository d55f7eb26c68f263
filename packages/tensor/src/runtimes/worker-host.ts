import type { Worker } from 'node:worker_threads'
import type { NdArray } from '../array'
import { TensorError } from '../errors'
import { type Executable, isResident, type Operand, type Resident, type RunOptions } from '../runtime'
import { cancelledError } from './call-queue'
import type { Host } from './host'
import type { OrtModel } from './ort-session'
import { type Reply, type Request, receivedError, type SentOperand } from './worker-messages'

interface Held extends Resident {
  readonly number: number
}

/**
 * The host behind `worker`, once it says that it is ready. The thread keeps the process alive only while it works.
 *
 * @param flags shared with the worker, one for each call that it may be given at a time
 * @throws TensorError `crashed` when the worker ends or fails, now or later
 */
export const workerHost = async (worker: Worker, flags: Int32Array): Promise<Host<OrtModel>> => {
  const line = await openLine(worker)
  const finalizer = new FinalizationRegistry<number>((resident) => line.tell({ type: 'free', resident }))
  let count = 0
  let calls = 0
  const executable = (program: number): Executable => ({
    run: async (inputs, targets, options) => {
      const flag = calls++ % flags.length
      const sent = targets.map((target) => target && (target as Held).number)
      const request: Request = { type: 'run', program, inputs: inputs.map(sentOperand), targets: sent, flag }
      return cancellable(line.ask(request) as Promise<(NdArray | undefined)[]>, flags, flag, options)
    },
    dispose: () => line.ask({ type: 'release', program }) as Promise<void>,
  })
  return {
    load: async (model) => {
      const program = ++count
      await line.ask({ type: 'load', program, model }, [model.bytes.buffer as ArrayBuffer])
      return executable(program)
    },
    upload: async (array) => {
      const held: Held = { resident: true, dtype: array.dtype, shape: array.shape, number: ++count }
      await line.ask({ type: 'upload', resident: held.number, array })
      finalizer.register(held, held.number)
      return held
    },
    download: (resident) => line.ask({ type: 'download', resident: (resident as Held).number }) as Promise<NdArray>,
    write: (resident, array) =>
      line.ask({ type: 'write', resident: (resident as Held).number, array }) as Promise<void>,
    dispose: () => line.close(),
  }
}

const sentOperand = (operand: Operand): SentOperand => (isResident(operand) ? (operand as Held).number : operand)

/** Raises the flag of a call while it waits in the worker. */
const cancellable = async <T>(
  call: Promise<T>,
  flags: Int32Array,
  flag: number,
  { signal }: RunOptions = {},
): Promise<T> => {
  if (!signal) return call
  const raise = () => Atomics.store(flags, flag, 1)
  signal.addEventListener('abort', raise)
  if (signal.aborted) raise()
  try {
    return await call
  } catch (error) {
    throw error instanceof TensorError && error.code === 'cancelled' ? cancelledError(signal.reason) : error
  } finally {
    signal.removeEventListener('abort', raise)
    Atomics.store(flags, flag, 0)
  }
}

/** Questions to a worker and its answers. */
interface Line {
  ask(request: Request, moved?: readonly ArrayBuffer[]): Promise<unknown>
  /** Asks without waiting for the answer. */
  tell(request: Request): void
  /** Ends the worker; done when its thread is gone. */
  close(): Promise<void>
}

interface Open {
  resolve(value: unknown): void
  reject(error: Error): void
}

const openLine = async (worker: Worker): Promise<Line> => {
  const open = new Map<number, Open>()
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  let last = 0
  let failure: TensorError | undefined
  const settle = (id: number, how: (call: Open) => void) => {
    const call = open.get(id)
    open.delete(id)
    if (open.size === 0) worker.unref()
    if (call) how(call)
  }
  const fail = (got: string, cause?: unknown) => {
    failure ??= crashedError(got, cause)
    for (const id of open.keys()) settle(id, ({ reject }) => reject(failure!))
  }
  worker.on('message', (reply: Reply) =>
    settle(reply.id, ({ resolve, reject }) =>
      'error' in reply ? reject(receivedError(reply.error)) : resolve(reply.value),
    ),
  )
  worker.on('error', (cause) => fail(`an error in it: ${cause instanceof Error ? cause.message : cause}`, cause))
  worker.on('messageerror', (cause) => fail(`a message that cannot be read: ${cause.message}`, cause))
  worker.on('exit', (code) => fail(`its end with code ${code}`))
  const ask = (request: Request, moved: readonly ArrayBuffer[] = []) =>
    new Promise<unknown>((resolve, reject) => {
      if (failure) return reject(failure)
      const id = ++last
      open.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ id, request }, moved)
    })
  await new Promise<unknown>((resolve, reject) => open.set(0, { resolve, reject }))
  return {
    ask,
    tell: (request) => {
      if (!failure) worker.postMessage({ id: ++last, request })
    },
    close: async () => {
      if (!failure) await ask({ type: 'dispose' }).catch(() => undefined) // it ends, one way or the other
      worker.ref()
      await exited
    },
  }
}

const crashedError = (got: string, cause: unknown): TensorError =>
  new TensorError(
    'crashed',
    `run: expected the worker of the runtime to stay alive, got ${got}. Create a new runtime; its state is lost.`,
    { cause },
  )
