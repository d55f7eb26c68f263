import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { researchNotice } from '@qilin-med/rag'
import { expect, it } from 'vitest'

/** What `npm run example -- NAME` prints. */
const example = (...args: string[]): Promise<{ status: number | null; text: string; errors: string }> =>
  new Promise((resolve) => {
    const runner = fileURLToPath(new URL('run.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', '-C', 'source', runner, ...args])
    let [text, errors] = ['', '']
    child.stdout.on('data', (data) => (text += data))
    child.stderr.on('data', (data) => (errors += data))
    child.on('close', (status) => resolve({ status, text, errors }))
  })

const losses = (text: string): number[] =>
  Array.from(text.matchAll(/loss ([\d.]+(?:e[+-]?\d+)?)/g), ([, loss]) => Number(loss))

it('01-gradient finds the weights', async () => {
  expect((await example('01-gradient')).text).toContain('weights 1.000 2.000 3.000')
}, 60_000)

it('02-loss-of-your-own learns', async () => {
  const values = losses((await example('02-loss-of-your-own')).text)
  expect(values.at(-1)).toBeLessThan(values[0]! / 2)
}, 60_000)

it('03-generate answers from the passage', async () => {
  const { text } = await example('03-generate')
  expect(text.split('\n')[1]).toMatch(/→ .*珞安药片/)
  expect(text).toContain(researchNotice.zh)
}, 60_000)

it('04-worker trains the same in both threads', async () => {
  const { text } = await example('04-worker')
  const [here, worker] = text.match(/loss \S+ to \S+/g)!
  expect(worker).toBe(here)
}, 60_000)

it('06-transformers-js answers from both files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'transformers-js-'))
  try {
    const { text } = await example('06-transformers-js', folder)
    expect(text.match(/珞安药片/g)).toHaveLength(2)
    expect(text).toContain(researchNotice.zh)
    expect(await readdir(join(folder, 'onnx'))).toContain('model_quantized.onnx_data')
  } finally {
    await rm(folder, { recursive: true })
  }
}, 60_000)

it('names the examples there are', async () => {
  const { status, errors } = await example('none')
  expect([status, errors]).toEqual([1, expect.stringContaining("expected one of these, got 'none'.\n  01-gradient")])
}, 60_000)
