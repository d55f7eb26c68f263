import { join } from 'node:path'
import type { Case, Kind } from '../kind'
import { readJson } from './models/golden'

/** Quantised weights: a format this library neither reads nor writes, so every scheme is left out by name. */
export const kind: Kind = { prefix: 'quantisation', discover: ({ golden }) => discover(golden) }

const discover = (golden: string): Case[] => {
  const json = readJson<{ readonly cases: Readonly<Record<string, unknown>> }>(
    join(golden, 'quantisation'),
    'quantisation.json',
  )
  return Object.keys(json?.cases ?? {}).map((name) => ({
    path: 'quantisation/quantisation',
    name,
    run: () => ({ skipped: 'weights are not quantised: models compute in float32' }),
  }))
}
