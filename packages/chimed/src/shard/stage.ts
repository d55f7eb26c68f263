import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { ChimedError } from '../errors'
import type { Progress } from '../types'
import { unwritable } from '../write/file'

/** One piece of work: a pure function of its inputs, which its key names. */
export interface Task<Info = unknown> {
  /** Everything that the outcome depends on beside the stages before, as plain data. */
  readonly input: unknown
  run(output: TaskOutput): Promise<Info>
}

/** Where a task puts its files. Each is complete or absent. */
export interface TaskOutput {
  /** Writes a file of the task; returns its name below the work folder. */
  put(name: string, bytes: readonly Uint8Array[]): string
  /** Tells other shards that the task goes on, and lets go of the processor. */
  tick(): Promise<void>
}

/** What is written down when a task is done, as `NNNN.json` beside its files: the manifest of the task. */
export interface Done<Info = unknown> {
  readonly key: string
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[]
  readonly info: Info
}

/** All tasks of a stage, done. */
export interface StageDone<Info> {
  readonly tasks: readonly Done<Info>[]
  /** A hash of what they put out; part of the keys of later stages. */
  readonly digest: string
}

/** A group of tasks that can run beside each other, once the stages before it are done. */
export interface Stage<Info> {
  /** `03-passages-1`: unique, in order. */
  readonly name: string
  /** What the stage does, as plain data. */
  readonly does: unknown
  /** Digests of the stages that the tasks read. */
  readonly after: readonly string[]
  readonly tasks: readonly Task<Info>[]
}

/** Brings stages to their end, or says that they are not there yet. */
export interface StageRunner {
  run<Info>(stage: Stage<Info>): Promise<StageDone<Info>>
  /** The folder that names of files are relative to. */
  readonly work: string
}

/** Which part of the work is done here. */
export interface Shard {
  /** From 0. */
  readonly index: number
  readonly count: number
}

/** Options of `stageRunner`. */
export interface StageRunnerOptions {
  readonly work: string
  /** Absent: nothing is run, and what is missing is an error. */
  readonly shard?: Shard | undefined
  /** Seconds without any news after which a shard does what others have left undone (default 30). */
  readonly patience?: number | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Part of every key, so that a new way of working never meets old files. */
const format = 'chimed-shards-1'

/** A hash of plain data. */
export const hashOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex')

/**
 * Runs the tasks of a stage that belong to a shard (task t belongs to shard t modulo count), then waits for the others. Tasks are pure and
 * their files are renamed into place, so two machines that do the same task write the same bytes: a shard that waits in vain does the work
 * of the missing ones itself, and no machine that dies or never starts holds up the rest. What is done already, with the same key, is skipped.
 */
export function stageRunner({ work, shard, patience = 30, onProgress, signal }: StageRunnerOptions): StageRunner {
  return {
    work,
    run: async <Info>({ name, does, after, tasks }: Stage<Info>) => {
      const keys = tasks.map(({ input }) => hashOf([format, name, does, after, input]))
      const done = new Array<Done<Info> | undefined>(tasks.length)
      const find = (task: number): boolean =>
        (done[task] ??= readDone<Info>(work, taskName(name, task), keys[task]!)) !== undefined
      const report = (): void => {
        const count = done.reduce((sum, one) => sum + (one ? 1 : 0), 0)
        onProgress?.({ stage: name, done: count, total: tasks.length, unit: 'tasks' })
      }
      const execute = async (task: number): Promise<void> => {
        signal?.throwIfAborted()
        done[task] = await runTask(tasks[task]!, { work, name: taskName(name, task), key: keys[task]!, signal })
        report()
      }
      if (!shard)
        requireAll(
          name,
          tasks.map((_, task) => find(task)),
        )
      else {
        for (let task = shard.index; task < tasks.length; task += shard.count) if (!find(task)) await execute(task)
        const heard = listener(work, name)
        for (let waited = 0; ; ) {
          const missing = tasks.flatMap((_, task) => (done[task] || find(task) ? [] : [task]))
          report()
          if (missing.length === 0) break
          signal?.throwIfAborted()
          if (waited >= patience * 1000) await execute(missing[(shard.index * 7919) % missing.length]!)
          else {
            const pause = Math.min(1000, 20 + waited / 10)
            await new Promise((resolve) => setTimeout(resolve, pause))
            waited = missing.some((task) => find(task)) || heard(missing) ? 0 : waited + pause
          }
        }
      }
      const all = done as Done<Info>[]
      return { tasks: all, digest: hashOf([name, after, all.map(({ files, info }) => [files, info])]) }
    },
  }
}

/** Tasks in progress that a waiting shard listens to. */
const listenedTasks = 64

/** A function that tells whether any of the tasks has gone on since it was last asked: running tasks count in a file beside them. */
function listener(work: string, stage: string): (tasks: readonly number[]) => boolean {
  const last = new Map<number, string>()
  return (tasks) => {
    let news = false
    for (const task of tasks.slice(0, listenedTasks)) {
      const beat = beatOf(join(work, `${taskName(stage, task)}.beat`))
      if (beat !== (last.get(task) ?? '')) news = true
      last.set(task, beat)
    }
    return news
  }
}

/** What a running task wrote last; nothing where it has not begun, or ends while it is looked at. */
function beatOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

const taskName = (stage: string, task: number): string => `${stage}/${String(task).padStart(5, '0')}`

function requireAll(name: string, there: readonly boolean[]): void {
  const missing = there.flatMap((found, task) => (found ? [] : [task]))
  if (missing.length === 0) return
  throw new ChimedError(
    'shard',
    `mergeShards: expected all ${there.length} tasks of stage ${name} to be done, got ${missing.length} that are not (task ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}). Run the shards to their end with the same options, then merge again.`,
  )
}

/** What a task left behind, if its key is the same and its files are all there. */
function readDone<Info>(work: string, name: string, key: string): Done<Info> | undefined {
  let done: Done<Info>
  try {
    done = JSON.parse(readFileSync(join(work, `${name}.json`), 'utf8')) as Done<Info>
  } catch {
    return undefined // not there, or from a machine that stopped: the task runs again
  }
  if (done.key !== key) return undefined
  const whole = done.files.every(
    (file) => statSync(join(work, file.name), { throwIfNoEntry: false })?.size === file.bytes,
  )
  return whole ? done : undefined
}

async function runTask<Info>(
  task: Task<Info>,
  {
    work,
    name,
    key,
    signal,
  }: { readonly work: string; readonly name: string; readonly key: string; readonly signal: AbortSignal | undefined },
): Promise<Done<Info>> {
  const files: { name: string; bytes: number; sha256: string }[] = []
  const beatPath = join(work, `${name}.beat`)
  let beats = 0
  const beat = (): void =>
    writing(beatPath, () => {
      if (beats === 0) mkdirSync(dirname(beatPath), { recursive: true })
      writeFileSync(beatPath, `${++beats}`)
    })
  beat()
  const info = await task.run({
    put: (suffix, bytes) => {
      const file = `${name}-${suffix}`
      const hash = createHash('sha256')
      for (const chunk of bytes) hash.update(chunk)
      writeWhole(join(work, file), bytes)
      files.push({ name: file, bytes: bytes.reduce((sum, { length }) => sum + length, 0), sha256: hash.digest('hex') })
      return file
    },
    tick: async () => {
      beat()
      await new Promise((resolve) => setImmediate(resolve))
      signal?.throwIfAborted()
    },
  })
  rmSync(beatPath, { force: true })
  const done = { key, files, info }
  writeWhole(join(work, `${name}.json`), [Buffer.from(`${JSON.stringify(done)}\n`)])
  return JSON.parse(JSON.stringify(done)) as Done<Info> // as others will read it
}

/** Writes a file under another name and renames it. The name holds machine and process: several machines may write the same file. */
function writeWhole(path: string, chunks: readonly Uint8Array[]): void {
  const temporary = `${path}.${hostname()}.${process.pid}.part`
  writing(path, () => {
    writeFileSync(temporary, '')
    for (const chunk of chunks) writeFileSync(temporary, chunk, { flag: 'a' })
    renameSync(temporary, path)
  })
}

/** @throws ChimedError `file-write` for whatever the disk refuses */
function writing(path: string, act: () => void): void {
  try {
    act()
  } catch (cause) {
    throw unwritable(path, cause)
  }
}
