/** The thread behind `workerRuntime`: sessions and arrays, asked for by messages. */
import { parentPort, workerData } from 'node:worker_threads'
import type { NdArray } from '../array'
import type { Executable, Operand, Resident } from '../runtime'
import { cancelledError } from './call-queue'
import type { Host } from './host'
import { nodeHost } from './node-host'
import type { OrtModel } from './ort-session'
import {
  type Envelope,
  type Reply,
  type Request,
  type SentOperand,
  sentError,
  type WorkerStart,
} from './worker-messages'

const main = async (): Promise<void> => {
  const port = parentPort!
  const { flags, provider } = workerData as WorkerStart
  const answer = answering(await nodeHost(provider), flags)
  let last: Promise<unknown> = Promise.resolve() // one request at a time, in their order
  port.on('message', ({ id, request }: Envelope) => {
    last = last
      .then(() => answer(request))
      .then(
        (value) => port.postMessage({ id, value } satisfies Reply, elementsIn(value)),
        (error) => port.postMessage({ id, error: sentError(error) } satisfies Reply),
      )
    if (request.type === 'dispose') last.then(() => port.close())
  })
  port.postMessage({ id: 0, value: undefined } satisfies Reply)
}

const answering = (host: Host<OrtModel>, flags: Int32Array): ((request: Request) => Promise<unknown>) => {
  const programs = new Map<number, Executable>()
  const residents = new Map<number, Resident>()
  const operand = (sent: SentOperand): Operand => (typeof sent === 'number' ? residents.get(sent)! : sent)
  const target = (sent: number | undefined) => (sent === undefined ? undefined : residents.get(sent))
  return async (request) => {
    switch (request.type) {
      case 'load':
        programs.set(request.program, await host.load(request.model, {}))
        return
      case 'run':
        if (Atomics.exchange(flags, request.flag, 0)) throw cancelledError(undefined)
        return programs.get(request.program)!.run(request.inputs.map(operand), request.targets.map(target))
      case 'release':
        await programs.get(request.program)!.dispose()
        programs.delete(request.program)
        return
      case 'upload':
        residents.set(request.resident, await host.upload(request.array))
        return
      case 'write':
        return host.write(residents.get(request.resident)!, request.array)
      case 'download':
        return host.download(residents.get(request.resident)!)
      case 'free':
        residents.delete(request.resident)
        return
      case 'dispose':
        return host.dispose()
    }
  }
}

/** Buffers of a downloaded array, which are moved and not copied once more. */
const elementsIn = (value: unknown): ArrayBuffer[] => {
  const data = (value as NdArray | undefined)?.data
  return data ? [data.buffer as ArrayBuffer] : []
}

void main() // a rejection ends the thread, which the other side reports
