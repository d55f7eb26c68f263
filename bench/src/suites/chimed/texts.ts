import { readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { BenchOptions } from '../../suite'

/** Texts of the data folder's JSONL files, each row's strings joined, and 3,000 of them again; invented ones without a data folder. */
export async function benchTexts(data: string | undefined): Promise<string[]> {
  const texts = data === undefined ? [] : await rowsOf(data)
  const own = texts.length > 1000 ? texts : invented(23_000)
  const random = seeded(0)
  return [...own, ...Array.from({ length: 3000 }, () => own[Math.floor(random() * own.length)]!)]
}

async function rowsOf(data: string): Promise<string[]> {
  const texts: string[] = []
  for (const name of readdirSync(data, { recursive: true }).map(String).sort()) {
    if (!name.endsWith('.jsonl.gz')) continue
    const lines = gunzipSync(await readFile(join(data, name)))
      .toString()
      .split('\n')
    for (const line of lines) if (line !== '') texts.push(stringsIn(JSON.parse(line)).join(''))
  }
  return texts.slice(0, 23_542)
}

const stringsIn = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(stringsIn)
      : []

function invented(count: number): string[] {
  const random = seeded(2)
  const draw = (): string => String.fromCharCode(0x4e00 + Math.floor(3000 * random() ** 3))
  return Array.from({ length: count }, () => Array.from({ length: 60 + Math.floor(400 * random()) }, draw).join(''))
}

/** Numbers from 0 to 1 that depend on the seed only (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A temporary folder that is gone after the last case. */
export async function benchFolder(options: BenchOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qilin-bench-'))
  options.own({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) })
  return folder
}

/** A file in such a folder. */
export async function benchFile(options: BenchOptions, name: string, content: string | Uint8Array): Promise<string> {
  const path = join(await benchFolder(options), name)
  await writeFile(path, content)
  return path
}

/** Seconds that a call takes. */
export async function seconds(run: () => unknown): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1000
}

/** Seconds of each of the calls of about a second. */
export async function callSeconds(run: () => unknown): Promise<number[]> {
  const calls: number[] = []
  for (let spent = 0; spent < 1; spent += calls.at(-1)!) calls.push(await seconds(run))
  return calls
}

/** The shortest: for sides of one kind, as whatever else runs on the machine only adds to a call, and to two threads before it does to one. */
export const shortest = (calls: readonly number[]): number => Math.min(...calls)
