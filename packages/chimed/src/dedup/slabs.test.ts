import { describe, expect, it } from 'vitest'
import type { WasmThreads } from '../wasm-threads'
import { runInSlabs } from './slabs'

describe('runInSlabs', () => {
  it('hands over few slabs of bounded size, however many texts there are', () => {
    const text = '文'.repeat(1 << 13)
    const slabs: number[] = []
    const run = { help: () => {}, finish: () => {}, finishJob: () => {} }
    const pool: WasmThreads = {
      start: (jobs) => {
        slabs.push(jobs.reduce((sum, { inputs }) => sum + inputs[0]!.bytes, 0) / 2)
        return run
      },
      [Symbol.dispose]: () => {},
    }
    runInSlabs(
      { count: 3000, width: 1, text: () => text, jobUnits: 1 << 15 },
      ({ memory, textAt, bytes }) => ({
        inputs: [{ shared: memory, offset: textAt, bytes, address: 0 }],
        call: 'none',
        args: [],
        outputs: [],
        memory: 0,
      }),
      { pool },
    )
    expect(slabs.slice(0, 6)).toEqual([1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19])
    expect(slabs.slice(5, -1).every((units) => units === 1 << 19)).toBe(true)
    expect(slabs.reduce((sum, units) => sum + units, 0)).toBe(3000 * text.length)
  })
})
