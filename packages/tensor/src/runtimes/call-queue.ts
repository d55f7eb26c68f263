import { TensorError } from '../errors'

/** A line of calls that start in their order, at most `atOnce` of them unfinished. */
export interface CallQueue {
  /**
   * Runs `call` in its turn.
   *
   * @param signal while the call waits, aborting takes it out of the line
   * @param alone  true for a call that nothing may run beside
   * @throws TensorError `cancelled` when it was aborted, `disposed` when the line was closed before its turn
   */
  add<T>(call: () => Promise<T>, signal?: AbortSignal, options?: { readonly alone?: boolean }): Promise<T>
  /** Refuses all that wait, and those added later; done when the calls that had begun are. */
  close(): Promise<void>
}

interface Waiting {
  readonly alone: boolean
  start(): void
  refuse(error: TensorError): void
}

/** An empty line. */
export const callQueue = (atOnce: number): CallQueue => {
  const waiting = new Set<Waiting>()
  const running = new Set<Promise<unknown>>()
  let closed = false
  let busyAlone = false
  const startNext = () => {
    for (const call of waiting) {
      if (running.size >= (call.alone ? 1 : atOnce) || (busyAlone && running.size > 0)) return
      busyAlone = call.alone
      waiting.delete(call)
      call.start()
    }
  }
  return {
    add: <T>(call: () => Promise<T>, signal?: AbortSignal, { alone = false } = {}) =>
      new Promise<T>((resolve, reject) => {
        if (closed) return reject(disposedError())
        if (signal?.aborted) return reject(cancelledError(signal.reason))
        const leave = (error: TensorError) => {
          waiting.delete(entry)
          signal?.removeEventListener('abort', onAbort)
          reject(error)
        }
        const onAbort = () => leave(cancelledError(signal!.reason))
        const entry: Waiting = {
          alone,
          start: () => {
            signal?.removeEventListener('abort', onAbort)
            const done = call().then(resolve, reject)
            running.add(done)
            done.then(() => {
              running.delete(done)
              startNext()
            })
          },
          refuse: leave,
        }
        signal?.addEventListener('abort', onAbort)
        waiting.add(entry)
        startNext()
      }),
    close: async () => {
      closed = true
      for (const { refuse } of waiting) refuse(disposedError())
      await Promise.all(running)
    },
  }
}

/** What a call after the end of a runtime or program throws. */
export const disposedError = (what: 'runtime' | 'program' = 'runtime'): TensorError => {
  const advice = what === 'runtime' ? 'Create a new runtime.' : 'Compile it again.'
  return new TensorError('disposed', `run: expected a live ${what}, got a disposed one. ${advice}`)
}

/** What a call whose signal was aborted before it began throws; `reason` is the signal's. */
export const cancelledError = (reason: unknown): TensorError =>
  new TensorError(
    'cancelled',
    'run: expected a call that may run, got an aborted signal. Carried state is as the last finished call left it.',
    { cause: reason },
  )
