import { createHash } from 'node:crypto'
import { MetricsError } from '../../errors'
import type { EvaluatedModel } from '../model'
import { readRows } from '../read-rows'

/**
 * Predictions written by another program as a model: a JSONL or CSV file with `id` (as in requests: `cmexam/17`) and `output`. Rows that
 * the file lacks, for example because it was cut off, are reported as failed.
 *
 * @throws MetricsError `data` for a file that cannot be read, lacks a column, or has an id twice with different outputs
 */
export async function predictionsModel(
  path: string,
  { name = path }: { readonly name?: string } = {},
): Promise<EvaluatedModel> {
  const outputs = new Map<string, string>()
  for (const { line, values } of await readRows(path)) {
    const { id, output } = values
    if (typeof id !== 'string' || typeof output !== 'string')
      throw broken(path, line, "text in 'id' and 'output'", `columns ${Object.keys(values).join(', ')}`)
    const known = outputs.get(id)
    if (known !== undefined && known !== output)
      throw broken(path, line, 'every id once', `'${id}' again with another output`)
    outputs.set(id, output)
  }
  return {
    name,
    identity: `predictions ${digest(outputs)}`,
    answersById: true,
    batchSize: 1000,
    generate: async (requests) =>
      requests.map(({ id }) => outputs.get(id) ?? { error: `${path} has no prediction for '${id}'`, retryable: false }),
  }
}

/** A repaired file must not meet the answers of the broken one in a cache. */
const digest = (outputs: ReadonlyMap<string, string>): string =>
  createHash('sha256')
    .update(JSON.stringify([...outputs]))
    .digest('hex')

const broken = (path: string, line: number, expected: string, got: string): MetricsError =>
  new MetricsError(
    'data',
    `predictionsModel: expected ${expected} in ${path}, line ${line}, got ${got}. Repair the file.`,
    {
      operation: 'predictionsModel',
      path,
      line,
    },
  )
