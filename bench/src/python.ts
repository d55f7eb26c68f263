import { type ChildProcess, spawn } from 'node:child_process'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { BenchError } from './errors'

/** A Python program that stays alive and measures on request, so that no figure contains its start-up. */
export interface PythonPeer extends AsyncDisposable {
  /** Versions of the libraries it measures, as it reported them when ready. */
  readonly versions: Readonly<Record<string, string>>
  /**
   * One figure. Ask for the next one when this one is there.
   *
   * @param name  measurement, a key of what the program passes to `serve`
   * @param args  keyword arguments of the measurement
   * @throws BenchError when the program fails, ends or takes longer than its limit
   */
  measure(name: string, args?: Readonly<Record<string, unknown>>): Promise<number>
  /** Ends the program: closes its input, and kills it when it has not ended within two seconds. */
  close(): Promise<void>
}

/** How to start a peer. */
export interface PythonOptions {
  /** Python program, such as `../venv/bin/python`. */
  readonly python: string
  /** Script that ends in `serve(...)` from `bench/peers/serve.py`. */
  readonly script: string
  readonly args?: readonly string[]
  /** Longest wait until it is ready, its imports included. */
  readonly startMs?: number
  /** Longest wait for one figure. */
  readonly answerMs?: number
  /** Where its messages go; by default to our stderr. */
  readonly messages?: 'inherit' | 'ignore'
}

interface Reply {
  readonly ready?: Record<string, string>
  readonly value?: unknown
  readonly error?: string
}

/** Settings of this machine's shell that would slow down or change a peer's matrix products. */
const unwanted = ['OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE']

/**
 * A running peer, once it has said that it is ready.
 *
 * @throws BenchError when Python does not start or the script ends before it is ready
 */
export const startPython = async (options: PythonOptions): Promise<PythonPeer> => {
  const { python, script, args = [], startMs = 600_000, answerMs = 600_000, messages = 'inherit' } = options
  const child = spawn(python, ['-u', script, ...args], { stdio: ['pipe', 'pipe', messages], env: environment() })
  const answers = conversation(child, `peer ${basename(script)}`)
  const first = await answers.next(startMs).catch(async (error: unknown) => {
    await stop(child)
    throw error
  })
  const ask = async (name: string, keywords: Readonly<Record<string, unknown>> = {}): Promise<number> => {
    const reply = answers.next(answerMs)
    child.stdin?.write(`${JSON.stringify({ measure: name, args: keywords })}\n`)
    const { value, error } = await reply
    if (typeof value === 'number') return value
    throw new BenchError(
      `peer ${basename(script)}: ${name}: ${error ?? `expected a number, got ${JSON.stringify(value)}`}`,
    )
  }
  const close = (): Promise<void> => stop(child)
  return { versions: first.ready ?? {}, measure: ask, close, [Symbol.asyncDispose]: close }
}

const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !unwanted.includes(name)))

/** Reads one reply at a time; the end of the program or a late answer rejects the one that is waited for. */
const conversation = (child: ChildProcess, who: string): { next(timeoutMs: number): Promise<Reply> } => {
  const replies: Reply[] = []
  let ended: string | undefined
  let wake = (): void => {}
  const end = (reason: string): void => {
    ended ??= reason
    wake()
  }
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (ended === undefined) replies.push(parseReply(line)) // an answer after its limit belongs to no question
    wake()
  })
  child.once('error', ({ message }) => end(`did not start: ${message}. Check --peer-python.`))
  child.once('close', (code, signal) => end(`ended with ${signal ?? `exit code ${code}`}; its messages are above`))
  child.stdin?.on('error', () => {}) // the program is gone; 'close' tells why
  const next = async (timeoutMs: number): Promise<Reply> => {
    const limit = setTimeout(() => end(`gave no answer within ${timeoutMs / 1000} s`), timeoutMs)
    while (replies.length === 0 && ended === undefined) await new Promise<void>((resolve) => (wake = resolve))
    clearTimeout(limit)
    const reply = replies.shift()
    if (reply === undefined) throw new BenchError(`${who}: ${ended}`)
    return reply
  }
  return { next }
}

const parseReply = (line: string): Reply => {
  try {
    return JSON.parse(line)
  } catch {
    return { error: `expected a JSON line, got ${line.slice(0, 200)}. Print to stderr instead.` }
  }
}

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.stdin?.end()
  const patience = setTimeout(() => child.kill('SIGKILL'), 2_000)
  await closed
  clearTimeout(patience)
}
