import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { lora } from '@qilin-med/lora'
import type { Module } from '@qilin-med/models'
import type { Case, Outcome } from '../../kind'
import { readJson } from '../models/golden'

interface Started {
  readonly shape: readonly [rank: number, inFeatures: number]
  readonly bound: number
}

const path = 'lora/init'

/** The default start: A within PEFT's bounds and spread over them, B zero. Random numbers themselves are each library's own. */
export const initCases = (golden: string): Case[] => {
  if (!existsSync(join(golden, `${path}.json`))) return []
  const matrices = readJson<Record<string, Started>>(join(golden, 'lora'), 'init.json')!
  return ['bound', 'variance'].map((name) => ({ path, name, run: () => compare(name, matrices) }))
}

const compare = (what: string, matrices: Readonly<Record<string, Started>>): Outcome => {
  const starts = Object.entries(matrices).map(([key, { shape, bound }], seed) => ({
    bound,
    ...start(key, shape, seed),
  }))
  if (starts.some(({ b }) => b.some((value) => value !== 0))) throw new Error('expected B to start at zero')
  if (what === 'bound')
    return {
      difference: Math.max(...starts.map(({ a, bound }) => Math.max(...a.map(Math.abs)) / bound - 1), 0),
      tolerance: 1e-6,
      detail: 'largest |A| beyond its bound, relative',
    }
  const ratios = starts.map(
    ({ a, bound }) => a.reduce((sum, value) => sum + value * value, 0) / a.length / (bound ** 2 / 3),
  )
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length
  return { difference: Math.abs(mean - 1), tolerance: 0.05, detail: 'mean variance over that of the uniform range' }
}

const start = (key: string, [rank, inFeatures]: Started['shape'], seed: number) => {
  const module: Module = { path: key, kind: 'linear', inFeatures, outFeatures: 4, bias: false }
  const { values, layout } = lora({ rank, targetModules: [key] }).create([module], { seed })
  const [a, b] = layout.entries.map(({ offset, size }) => values.subarray(offset, offset + size))
  return { a: a!, b: b! }
}
