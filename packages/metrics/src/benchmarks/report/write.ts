import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MetricsError } from '../../errors'
import type { EvaluationResult } from '../result'
import { htmlReport } from './html'
import { harnessJson } from './json'
import { markdownTables } from './markdown'

/** Paths of a written report. */
export interface WrittenReport {
  readonly json: readonly string[]
  readonly markdown: string
  readonly html: string
  /** Submission files of test splits. */
  readonly submissions: readonly string[]
}

/**
 * Writes `results.md` and `report.html` for all models, `results-<model>.json` with every row for each, and submission files where a
 * benchmark has them. Each file is written under another name first and then renamed.
 *
 * @throws MetricsError `data` when the folder cannot be written
 */
export async function writeReport(
  folder: string,
  results: readonly EvaluationResult[],
  { title }: { readonly title?: string } = {},
): Promise<WrittenReport> {
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    try {
      await mkdir(folder, { recursive: true })
      await writeFile(`${path}.partial`, text)
      await rename(`${path}.partial`, path)
    } catch (cause) {
      throw new MetricsError(
        'data',
        `writeReport: expected to write ${path}, got ${String(cause)}. Choose a writable folder with room.`,
        {
          operation: 'writeReport',
          path,
          cause,
        },
      )
    }
    return path
  }
  const json: string[] = []
  const submissions: string[] = []
  for (const result of results) {
    const name = fileName(result.model)
    json.push(await write(`results-${name}.json`, `${harnessJson(result, { samples: true })}\n`))
    for (const { task, submission } of result.tasks)
      if (submission)
        submissions.push(
          await write(`submission-${task}-${name}.json`, `${JSON.stringify(submission, undefined, 4)}\n`),
        )
  }
  const markdown = await write('results.md', markdownTables(results))
  const html = await write('report.html', htmlReport(results, { title: title ?? 'Evaluation' }))
  return { json, markdown, html, submissions }
}

/** A model's name as part of a file name that stays in its folder. */
const fileName = (model: string): string => model.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^\.+/, '')
