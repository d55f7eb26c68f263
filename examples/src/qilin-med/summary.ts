import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildReport } from '@qilin-med/chimed'
import type { StageResult } from './evaluate'
import type { Options } from './options'
import type { LossFall, Stage, TrainedStage } from './training'

/** `summary.json`: what a run measured. Equal seeds give equal files but for `seconds` and `peakRssBytes`. */
export interface Summary {
  readonly seed: number
  readonly seconds: number
  readonly peakRssBytes: number
  readonly stages: Readonly<Record<string, Omit<StageResult, 'samples'>>>
  /** How the losses of the stages went. */
  readonly training: Readonly<Partial<Record<Stage, LossFall>>>
  readonly data: Readonly<Record<string, unknown>>
}

/** What a run found out, for its summary. */
export interface Findings {
  readonly data: BuildReport
  readonly stages: Readonly<Record<string, StageResult>>
  readonly trained: Readonly<Partial<Record<Stage, TrainedStage>>>
  readonly seconds: number
}

/** Writes `summary.json` whole and returns what is in it. */
export const writeSummary = async (
  { seed, out }: Options,
  { data: { sources, steps, reading }, stages, trained, seconds }: Findings,
): Promise<Summary> => {
  const summary: Summary = {
    seed,
    seconds,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    stages: Object.fromEntries(Object.entries(stages).map(([name, { samples: _, ...result }]) => [name, result])),
    training: Object.fromEntries(Object.entries(trained).map(([name, { loss }]) => [name, loss])),
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
