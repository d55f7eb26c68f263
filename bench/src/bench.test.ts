import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { bench } from './bench'
import { BenchError } from './errors'

const folder = mkdtempSync(join(tmpdir(), 'bench-'))
afterAll(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'suites'))

/** What `npm run bench -- copy ...` does with a suite whose module body is given. */
const run = async (source: string, ...argv: string[]) => {
  const name = `copy${suites++}`
  writeFileSync(join(folder, 'suites', `${name}.ts`), source)
  const lines: Record<string, unknown>[] = []
  const messages: string[] = []
  const code = await bench([name, ...argv], {
    root: folder,
    suites: join(folder, 'suites'),
    peers: folder,
    print: (line) => lines.push(JSON.parse(line)),
    tell: (message) => messages.push(message),
  })
  return { name, code, lines, messages }
}
let suites = 0

const twoCases = `
const base = { unit: 'ms', higherIsBetter: false, peerName: 'memcpy' }
export const suite = {
  name: 'copy',
  cases: async () => [
    { ...base, name: '1m f32 vs memcpy', ours: async () => 2, peer: async () => 6, versions: { glibc: '2.36' } },
    { ...base, name: '8m f32 vs memcpy', ours: async () => 5 },
  ],
}`

describe('bench', () => {
  it('prints a line a case with suite, medians, ratio, spread, device and versions', async () => {
    const { code, lines, messages } = await run(twoCases)
    expect(code).toBe(0)
    expect(messages).toEqual(['copy: 1m f32 vs memcpy', 'copy: 8m f32 vs memcpy'])
    expect(lines[0]).toEqual({
      suite: 'copy',
      case: '1m f32 vs memcpy',
      ours: 2,
      peer: 6,
      peerName: 'memcpy',
      unit: 'ms',
      ratio: 3,
      spread: { ours: [2, 2], peer: [6, 6] },
      rounds: 5,
      device: expect.stringMatching(/\d+ cores, /),
      versions: { node: process.versions.node, 'onnxruntime-node': expect.stringMatching(/^\d/), glibc: '2.36' },
    })
    expect(lines[1]).toMatchObject({ ours: 5, peer: null, ratio: null, note: 'no peer: name one with --peer-python' })
  })

  it('writes the same lines to --json, whole or not at all', async () => {
    const json = join(folder, 'lines.jsonl')
    const { lines } = await run(twoCases, '--json', json, '--rounds', '2')
    const written = readFileSync(json, 'utf8').trimEnd().split('\n')
    expect(written.map((line) => JSON.parse(line))).toEqual(lines)
    expect(lines[0]).toMatchObject({ rounds: 2 })
  })

  it('runs the cases whose names hold --only', async () => {
    const { lines } = await run(twoCases, '--only', '8m')
    expect(lines.map((line) => line.case)).toEqual(['8m f32 vs memcpy'])
    await expect(run(twoCases, '--only', '9m')).rejects.toThrow("has no case named like '9m'")
  })

  it('goes on after a case that fails, says why and returns 1', async () => {
    const { code, lines, messages } = await run(
      twoCases.replace('ours: async () => 2', `ours: async () => { throw new Error('no kernel') }`),
    )
    expect(code).toBe(1)
    expect(lines).toHaveLength(1)
    expect(messages).toContain('FAIL copy 1m f32 vs memcpy: no kernel')
  })

  it('disposes of what a suite hands over, last first, also after a failure', async () => {
    const file = join(folder, 'disposed.txt')
    const source = `
import { appendFileSync } from 'node:fs'
const resource = (name) => ({ [Symbol.asyncDispose]: async () => appendFileSync(${JSON.stringify(file)}, name) })
export const suite = { name: 'copy', cases: async ({ own }) => {
  own(resource('first '))
  own(resource('second '))
  throw new Error('no weights')
} }`
    await expect(run(source)).rejects.toThrow('no weights')
    expect(readFileSync(file, 'utf8')).toBe('second first ')
  })

  it('starts a peer by name only when a Python is named', async () => {
    const source = `
export const suite = { name: 'copy', cases: async ({ startPeer }) => [
  { name: String(await startPeer('copy')), unit: 'ms', higherIsBetter: false, peerName: 'p', ours: async () => 1 },
] }`
    expect((await run(source)).lines[0]).toMatchObject({ case: 'undefined' })
    await expect(run(source, '--peer-python', 'no-such-python')).rejects.toThrow('peer copy.py: did not start')
  })
})

describe('the command line', () => {
  const message = async (...argv: string[]): Promise<string> => {
    const surroundings = { root: folder, suites: join(folder, 'none'), peers: folder, print: () => {}, tell: () => {} }
    const error = await bench(argv, surroundings).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(BenchError)
    return (error as BenchError).message
  }

  it('names the suites there are when none or an unknown one is asked for', async () => {
    expect(await message()).toMatchInlineSnapshot(
      `"bench: expected a suite, got none. Name one of: (there is none yet)."`,
    )
    await expect(run(twoCases).then(() => message('fast'))).resolves.toContain('got fast')
  })

  it('refuses paths that are not there and a count that is none', async () => {
    expect(await message('copy', '--peer-python', 'venv/bin/python')).toMatchInlineSnapshot(
      `"bench: --peer-python expects a Python program, got venv/bin/python, which is not there. Check the path."`,
    )
    expect(await message('copy', '--data', 'absent')).toMatchInlineSnapshot(
      `"bench: --data expects a folder, got absent, which is not one. Check the path."`,
    )
    expect(await message('copy', '--rounds', '0')).toMatchInlineSnapshot(
      `"bench: --rounds expects a whole number above 0, got 0. Try --rounds 5."`,
    )
    expect(await message('copy', 'paste')).toMatchInlineSnapshot(
      `"bench: expected one suite, got copy and paste. Run them one after the other."`,
    )
  })
})
