import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TrainError } from '../errors'
import { readCheckpoint } from './read'
import { writeCheckpoint } from './write'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'train-write-'))
})
afterAll(() => rm(folder, { recursive: true }))

const record = (step: number) => ({ step, tokens: 10 * step, settings: { seed: 1 }, history: [], evaluations: [] })
const vector = (values: Float32Array) => ({ size: values.length, read: async () => values })

it('a checkpoint reads back as it was written, to the last bit', async () => {
  const parameters = Float32Array.of(1 / 3, -0, 1e-45, 3e38)
  const path = await writeCheckpoint(folder, record(3), {
    parameters: vector(parameters),
    firstMoment: vector(parameters),
  })
  const read = await readCheckpoint(path)
  expect(read.record).toEqual(record(3))
  expect(read.state).toEqual({ firstMoment: parameters, parameters })
  expect(Object.is(read.state.parameters![1], -0)).toBe(true)
})

it('a disk that fills up while writing is a typed error: nothing half-written stays, earlier checkpoints are intact', async () => {
  const before = await writeCheckpoint(folder, record(1), { parameters: vector(Float32Array.of(1)) })
  const full = { size: 1, read: () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' })) }
  const state = { parameters: vector(Float32Array.of(2)), secondMoment: full }
  const error: TrainError = await writeCheckpoint(folder, record(2), state).catch((caught) => caught)
  expect([error.code, error.step]).toEqual(['checkpoint-write', 2])
  expect(error.message).toContain('expected a writable place, got ENOSPC')
  expect((await readdir(folder)).filter((name) => name.includes('checkpoint-2'))).toEqual([])
  expect((await readCheckpoint(before)).state.parameters).toEqual(Float32Array.of(1))
})
