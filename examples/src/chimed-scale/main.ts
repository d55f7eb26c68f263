/**
 * A synthetic ChiMed of the paper's size (9.5 million samples, 4.5 GB), recombined from real rows by a seed, with planted exact, near and
 * passage duplicates and leaked test questions whose truth is known; through exact and MinHash deduplication, passage removal,
 * decontamination and packing in shards larger than memory. Expect recall and precision against the truth, seconds, peak memory, disk.
 *
 *   npm run example -- chimed-scale [--fraction 0.01] [--workers 1] [--data FOLDER] [--out FOLDER] [--seed N] [--until PHASE] [--keep]
 *
 * Phases are generate, run, merge, check; `--until` stops behind one, and the same command without it goes on from there.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mergeShards, runShard } from '@qilin-med/chimed'
import { check } from './check'
import { documents } from './documents'
import { buildOptions, fileRows, type Job, rawName } from './job'
import { examQuestions, realPhrases } from './phrases'

/** Samples of the paper's ChiMed. */
const paperSamples = 9_500_000

/** What a process of this example reports when it ends. */
interface Part {
  readonly seconds: number
  /** Seconds of processor time, which other programs on the machine change little. */
  readonly cpuSeconds: number
  /** Resident memory at its highest. */
  readonly peakMB: number
  readonly stages?: Readonly<Record<string, number>>
  readonly result?: unknown
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const parts: Readonly<Record<string, (job: Job, shard: number) => Promise<unknown>>> = {
  generate: async (job) => {
    const made = await documentsOf(job)
    mkdirSync(join(job.out, 'raw'), { recursive: true })
    for (let start = 0; start < job.count; start += fileRows) {
      const file = createWriteStream(join(job.out, 'raw', rawName(start / fileRows)))
      for (let index = start; index < Math.min(job.count, start + fileRows); index++) {
        const { question, answer } = made.make(index)
        const line = `${JSON.stringify({ instruction: question, input: '', output: answer })}\n`
        if (!file.write(line)) await once(file, 'drain')
      }
      file.end()
      await finished(file)
    }
    return undefined
  },
  run: async (job, shard) => {
    const stages: Record<string, number> = {}
    let before = { stage: '', at: performance.now() }
    let last = before.at
    await runShard(buildOptions(job, await examQuestions(job.data)), {
      work: join(job.out, 'work'),
      shard: { index: shard, count: job.workers },
      onProgress: ({ stage, done, total }) => {
        if (stage !== before.stage) before = { stage, at: last }
        last = performance.now()
        stages[stage] = (last - before.at) / 1000
        if (shard === 0 && process.stderr.isTTY) process.stderr.write(`\r${stage} ${done}/${total}      `)
      },
    })
    return stages
  },
  merge: async (job) => {
    const report = await mergeShards(buildOptions(job, await examQuestions(job.data)), { work: join(job.out, 'work') })
    return { totals: report.totals, tokens: report.tokens?.map(({ split, rows, tokens }) => ({ split, rows, tokens })) }
  },
  check: async (job) => check(job, await documentsOf(job)),
}

const documentsOf = async ({ count, data, seed }: Job) =>
  documents(count, { phrases: await realPhrases(data), questions: await examQuestions(data), seed })

/** Runs a part in a process of its own, so that its memory is its own. */
async function inProcess(name: string, job: Job, shard = 0): Promise<Part> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      '-C',
      'source',
      fileURLToPath(import.meta.url),
      '--part',
      name,
      '--job',
      JSON.stringify({ ...job, shard }),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`chimed-scale: expected ${name} to end well, got exit code ${code}. See above.`)
  return JSON.parse(text) as Part
}

const bytesBelow = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name)
    return sum + (entry.isDirectory() ? bytesBelow(path) : statSync(path).size)
  }, 0)

const { values } = parseArgs({
  options: {
    fraction: { type: 'string', default: '0.01' },
    workers: { type: 'string', default: '1' },
    data: { type: 'string', default: '../shared/data' },
    out: { type: 'string', default: 'out/chimed-scale' },
    seed: { type: 'string', default: '1' },
    until: { type: 'string', default: 'check' },
    keep: { type: 'boolean', default: false },
    part: { type: 'string' },
    job: { type: 'string' },
  },
})

const phases = ['generate', 'run', 'merge', 'check'] as const
type Phase = (typeof phases)[number]

/** The parts of a phase, run now or found from an earlier start. */
async function phase(name: Phase, job: Job): Promise<{ readonly seconds: number; readonly parts: readonly Part[] }> {
  const path = join(job.out, `${name}.json`)
  const key = JSON.stringify(job)
  if (existsSync(path)) {
    const found = JSON.parse(readFileSync(path, 'utf8')) as { key: string; seconds: number; parts: Part[] }
    if (found.key === key) return found
  }
  if (name === 'generate') rmSync(job.out, { recursive: true, force: true })
  const started = performance.now()
  const count = name === 'run' ? job.workers : 1
  const done = await Promise.all(Array.from({ length: count }, (_, shard) => inProcess(name, job, shard)))
  const told = { key, seconds: (performance.now() - started) / 1000, parts: done }
  writeFileSync(path, JSON.stringify(told))
  return told
}

async function main(): Promise<void> {
  const job: Job = {
    data: resolve(values.data),
    out: resolve(values.out),
    count: Math.round(paperSamples * Number(values.fraction)),
    seed: Number(values.seed),
    workers: Number(values.workers),
  }
  say(`chimed-scale: ${job.count} samples (${values.fraction} of the paper's ${paperSamples}), seed ${job.seed}`)
  const done: Partial<Record<Phase, Awaited<ReturnType<typeof phase>>>> = {}
  for (const name of phases) {
    done[name] = await phase(name, job)
    say(
      `${name}: ${done[name].seconds.toFixed(1)} s, at most ${Math.max(...done[name].parts.map(({ peakMB }) => peakMB))} MB`,
    )
    if (name === values.until && name !== 'check') return
  }
  report(job, done as Record<Phase, Awaited<ReturnType<typeof phase>>>)
  if (!values.keep) rmSync(job.out, { recursive: true, force: true })
}

function report(job: Job, done: Readonly<Record<Phase, Awaited<ReturnType<typeof phase>>>>): void {
  const result = (name: Phase): Readonly<Record<string, unknown>> =>
    done[name].parts[0]!.result as Record<string, unknown>
  say('\nseconds by stage (of shard 0; what waits for the others included)')
  for (const [stage, seconds] of Object.entries(result('run')))
    say(`  ${stage.padEnd(44)}${(seconds as number).toFixed(1).padStart(8)}`)
  say('\nfound against what was planted')
  for (const [name, found] of Object.entries(result('check'))) say(`  ${name.padEnd(12)}${JSON.stringify(found)}`)
  const rounded = (value: number): number => Number(value.toFixed(2))
  const each = (of: (phase: Phase) => number): object =>
    Object.fromEntries(phases.map((name) => [name, rounded(of(name))]))
  const size = (name: string): number => rounded(bytesBelow(join(job.out, name)) / 1e6)
  say(
    `\n${JSON.stringify({
      fraction: Number(values.fraction),
      samples: job.count,
      workers: job.workers,
      seconds: each((name) => done[name].seconds),
      cpuSeconds: each((name) => done[name].parts.reduce((sum, part) => sum + part.cpuSeconds, 0)),
      peakMB: each((name) => Math.max(...done[name].parts.map(({ peakMB }) => peakMB))),
      diskMB: { raw: size('raw'), work: size('work'), out: size('chimed') },
      ...result('check'),
      ...result('merge'),
    })}`,
  )
}

async function part(): Promise<void> {
  const { shard, ...job } = JSON.parse(values.job!) as Job & { shard: number }
  const started = performance.now()
  const result = await parts[values.part!]!(job, shard)
  const told: Part = {
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
    peakMB: Math.round(process.resourceUsage().maxRSS / 1024),
    result,
  }
  process.stdout.write(JSON.stringify(told))
}

await (values.part ? part() : main()).catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
})
