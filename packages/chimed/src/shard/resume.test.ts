import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BuildOptions, build } from '../build'
import { normalise } from '../clean/steps'
import * as dedup from '../dedup'
import { mix32 } from '../dedup/minhash-js'
import * as sources from '../sources'
import { filesOf } from '../test/files-of'
import type { StepReport } from '../types'
import { mergeShards } from './merge'
import { runShard } from './run'

const folder = mkdtempSync(join(tmpdir(), 'chimed-resume-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }), 60_000)

const raw = join(folder, 'raw.jsonl')
const text = (seed: number, length: number): string =>
  String.fromCharCode(...Array.from({ length }, (_, i) => 0x4e00 + (mix32(seed * 7919 + i) % 900)))

const optionsOf = (threshold = 0.7): BuildOptions => ({
  cpt: [sources.conversations(raw, { name: 'invented' })],
  steps: [normalise(), dedup.exact(), dedup.minhash({ threshold }), dedup.substring({ minBytes: 60 })],
  split: { validation: 0.2 },
})
const cut = { partBytes: 4000, buckets: 3 }

let expected: Record<string, string>
beforeAll(async () => {
  const lines = Array.from({ length: 160 }, (_, i) => {
    const answer = i % 4 === 0 ? text(1, 80) : i % 5 === 0 ? `${text(i, 40)}${text(2, 30)}` : text(i % 60, 90)
    return `${JSON.stringify({ instruction: text(i % 70, 12), output: answer })}\n`
  })
  writeFileSync(raw, lines.join(''))
  await build({ ...optionsOf(), out: join(folder, 'whole') })
  expected = filesOf(join(folder, 'whole'))
})

const merged = async (work: string, name: string, options = optionsOf()): Promise<Record<string, string>> => {
  await mergeShards({ ...options, out: join(folder, name) }, { work, ...cut })
  return filesOf(join(folder, name))
}

describe('a sharded run that is stopped', () => {
  it('goes on after a stop at any of its tasks and gives the same bytes', async () => {
    const work = join(folder, 'stopped')
    let stops = 0
    for (let finished = false; !finished; ) {
      const control = new AbortController()
      let tasks = 0
      const before = new Map<string, number>()
      const onProgress = ({ stage, done }: { stage: string; done: number }): void => {
        if (before.get(stage) !== undefined && done > before.get(stage)! && ++tasks === 5) control.abort()
        before.set(stage, done)
      }
      finished = await runShard(optionsOf(), { work, ...cut, onProgress, signal: control.signal }).then(
        () => true,
        (error) => {
          expect(control.signal.aborted, String(error)).toBe(true)
          return false
        },
      )
      stops++
    }
    expect(stops).toBeGreaterThan(2)
    expect(await merged(work, 'stopped-out')).toEqual(expected)
  })

  it('goes on after SIGKILL', async () => {
    const work = join(folder, 'killed')
    const program = join(folder, 'shard.mts')
    const here = (name: string): string => JSON.stringify(join(import.meta.dirname, name))
    writeFileSync(
      program,
      `import { runShard } from ${here('run.ts')}
import * as dedup from ${here('../dedup/index.ts')}
import * as sources from ${here('../sources/index.ts')}
import { normalise } from ${here('../clean/steps.ts')}
await runShard({
  cpt: [sources.conversations(${JSON.stringify(raw)}, { name: 'invented' })],
  steps: [normalise(), dedup.exact(), dedup.minhash({ threshold: 0.7 }), dedup.substring({ minBytes: 60 })],
  split: { validation: 0.2 },
}, { work: ${JSON.stringify(work)}, ...${JSON.stringify(cut)}, onProgress: ({ stage, done }) => console.log(stage, done) })
`,
    )
    const start = (killAfterLines: number): Promise<boolean> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, ['--import', 'tsx', '-C', 'source', program], {
          stdio: ['ignore', 'pipe', 'inherit'],
          cwd: import.meta.dirname,
        })
        let lines = 0
        child.stdout.on('data', (chunk) => {
          lines += String(chunk).split('\n').length - 1
          if (lines >= killAfterLines) child.kill('SIGKILL')
        })
        child.on('close', (_code, signal) => resolve(signal === null))
      })
    expect(await start(4)).toBe(false)
    expect(await start(20)).toBe(false)
    expect(await start(Number.POSITIVE_INFINITY)).toBe(true)
    expect(await merged(work, 'killed-out')).toEqual(expected)
  }, 300_000)

  it('does again what is damaged, and nothing else', async () => {
    const work = join(folder, 'damaged')
    await runShard(optionsOf(), { work, ...cut })
    const names = readdirSync(work, { recursive: true, encoding: 'utf8' })
    const rows = names.find((name) => name.includes('after-dedup.exact') && name.endsWith('rows.jsonl'))!
    truncateSync(join(work, rows), 10)
    const manifest = names.find((name) => name.includes('dedup.minhash-bands') && name.endsWith('.json'))!
    writeFileSync(join(work, manifest), '{"key":')
    const untouched = names.find((name) => name.startsWith('00-read') && name.endsWith('.json'))!
    const before = statSync(join(work, untouched)).mtimeMs
    await expect(mergeShards({ ...optionsOf(), out: join(folder, 'damaged-out') }, { work, ...cut })).rejects.toThrow(
      expect.objectContaining({ code: 'shard' }),
    )
    await runShard(optionsOf(), { work, ...cut })
    expect(statSync(join(work, untouched)).mtimeMs).toBe(before)
    expect(await merged(work, 'damaged-out')).toEqual(expected)
  })

  it('does again what depends on a changed option, and nothing else', async () => {
    const work = join(folder, 'changed')
    await runShard(optionsOf(), { work, ...cut })
    const read = join(work, '00-read/00000.json')
    const exact = join(work, readdirSync(work).find((name) => name.endsWith('-dedup.exact-digests'))!, '00000.json')
    const [readBefore, exactBefore] = [statSync(read).mtimeMs, statSync(exact).mtimeMs]
    const changed = optionsOf(0.95)
    await runShard(changed, { work, ...cut })
    expect([statSync(read).mtimeMs, statSync(exact).mtimeMs]).toEqual([readBefore, exactBefore])
    await build({ ...changed, out: join(folder, 'changed-whole') })
    const files = await merged(work, 'changed-out', changed)
    expect(files).toEqual(filesOf(join(folder, 'changed-whole')))
    expect(files).not.toEqual(expected)
  })

  it('does the work of shards that never start', async () => {
    const work = join(folder, 'alone')
    await runShard(optionsOf(), { work, ...cut, shard: { index: 1, count: 4 }, patience: 0 })
    expect(await merged(work, 'alone-out')).toEqual(expected)
  })

  it('waits on when the file of a running task is gone while it is looked at', async () => {
    const work = join(folder, 'gone')
    const beat = join(work, '00-read/00000.beat')
    mkdirSync(beat, { recursive: true }) // there, and yet no file to read: what the moment of its removal looks like
    setTimeout(() => rmSync(beat, { recursive: true }), 150)
    await runShard(optionsOf(), { work, ...cut, shard: { index: 1, count: 2 }, patience: 0.3 })
    expect(await merged(work, 'gone-out')).toEqual(expected)
  })

  it('says what is missing before the shards are done', async () => {
    const work = join(folder, 'missing')
    const merge = mergeShards({ ...optionsOf(), out: join(folder, 'missing-out') }, { work, ...cut })
    await expect(merge).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: mergeShards: expected all 1 tasks of stage 00-read to be done, got 1 that are not (task 0). Run the shards to their end with the same options, then merge again.]`,
    )
  })
})

describe('runShard', () => {
  it('says when the work folder cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '')
    const run = runShard(optionsOf(), { work: join(folder, 'file'), ...cut })
    await expect(run).rejects.toThrow(expect.objectContaining({ code: 'file-write' }))
  })

  it('refuses shards out of range and steps that need all records at once', async () => {
    const work = join(folder, 'refused')
    await expect(
      runShard(optionsOf(), { work, shard: { index: 4, count: 4 } }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: runShard: expected a shard from 0/4 to 3/4, got 4/4. Shards count from 0.]`,
    )
    const all = {
      name: 'sorted',
      run: <T>(records: readonly T[]) => ({ records: [...records], report: {} as StepReport }),
    }
    await expect(runShard({ ...optionsOf(), steps: [all] }, { work })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: runShard: expected steps with row, prepare or sharded, got sorted, which looks at all records at once. Use build, or give the step one of them.]`,
    )
  })
})
