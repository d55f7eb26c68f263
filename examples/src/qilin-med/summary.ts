import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildReport } from '@qilin-med/chimed'
import type { StageResult } from './evaluate'
import type { Options } from './options'

/** `summary.json`: what a run measured. Equal seeds give equal files but for `seconds` and `peakRssBytes`. */
export interface Summary {
  readonly seed: number
  readonly seconds: number
  readonly peakRssBytes: number
  readonly stages: Readonly<Record<string, Omit<StageResult, 'samples'>>>
  readonly data: Readonly<Record<string, unknown>>
}

/** Writes `summary.json` whole and returns what is in it. */
export const writeSummary = async (
  { seed, out }: Options,
  { sources, steps, reading }: BuildReport,
  stages: Readonly<Record<string, StageResult>>,
  seconds: number,
): Promise<Summary> => {
  const summary: Summary = {
    seed,
    seconds,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    stages: Object.fromEntries(Object.entries(stages).map(([name, { samples: _, ...result }]) => [name, result])),
    data: {
      sources: sources.map(({ corpus, source, samples, tokens, bytes }) => ({
        corpus,
        source,
        samples,
        tokens,
        bytes,
      })),
      dropped: [...reading, ...Object.values(steps).flat()].map(({ name, input, output, dropped }) => ({
        name,
        input,
        output,
        dropped,
      })),
    },
  }
  const path = join(out, 'summary.json')
  await writeFile(`${path}.tmp`, `${JSON.stringify(summary, undefined, 2)}\n`)
  await rename(`${path}.tmp`, path)
  return summary
}
