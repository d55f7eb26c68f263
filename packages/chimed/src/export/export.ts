import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { textOf } from '../record'
import type { ChimedRecord, Conversation, PreferencePair } from '../types'
import type { Records } from '../write/corpora'
import { type FileWriter, fileWriter, writeFileWhole } from '../write/file'
import { dataJuicerConfig, datatrovePipeline, type MinhashSettings } from './programs'

/** Tools that a corpus is handed over to. */
export type ExportLayout = 'data-juicer' | 'datatrove'

/** Options of `exportCorpus`. */
export interface ExportOptions {
  readonly layout: ExportLayout
  /** Rows of a file (default 100,000): what one worker of the other tool reads. */
  readonly fileRows?: number | undefined
  /** Near-duplicate settings that the configuration is written with; those of `dedup.minhash` by default. */
  readonly minhash?: MinhashSettings | undefined
}

/** What was written. */
export interface Exported {
  readonly rows: number
  /** Names below the folder. */
  readonly files: readonly string[]
}

/**
 * Writes records as JSONL in the layout of Data-Juicer (`text`, or `query`, `response` and `history`, or `query`, `chosen` and `rejected`, with
 * `meta`) or of datatrove (`text`, `id`, `metadata`), and beside them what that tool needs to run the same near-duplicate removal:
 * `process.yaml`, or `minhash.py`.
 *
 * @throws ChimedError `file-write` when the folder cannot be written
 */
export async function exportCorpus(
  folder: string,
  records: Records<ChimedRecord>,
  { layout, fileRows = 100_000, minhash = {} }: ExportOptions,
): Promise<Exported> {
  const files: string[] = []
  let rows = 0
  let file: FileWriter | undefined
  try {
    for await (const record of records) {
      if (!file) {
        const name = `data/${String(files.length).padStart(5, '0')}.jsonl`
        files.push(name)
        file = fileWriter(join(folder, name))
      }
      await file.write(`${JSON.stringify(layout === 'datatrove' ? datatroveRow(record) : dataJuicerRow(record))}\n`)
      if (++rows % fileRows === 0) {
        await file.close()
        file = undefined
      }
    }
    await file?.close()
  } catch (error) {
    await file?.abort()
    throw error
  }
  const [name, text] =
    layout === 'datatrove'
      ? (['minhash.py', datatrovePipeline({ tasks: files.length, ...minhash })] as const)
      : (['process.yaml', dataJuicerConfig(minhash)] as const)
  await writeFileWhole(join(folder, name), text)
  return { rows, files: [...files, name] }
}

const metaOf = ({ origin }: ChimedRecord): Readonly<Record<string, string | number>> => ({
  source: origin?.source ?? '',
  ...(origin?.file !== undefined && { file: origin.file }),
  ...(origin?.line !== undefined && { line: origin.line }),
  ...origin?.meta,
})

/** The row of a record for datatrove; the id is a hash of place and text. */
function datatroveRow(record: ChimedRecord): object {
  const metadata = metaOf(record)
  const text = textOf(record)
  const id = createHash('sha256')
    .update(JSON.stringify([metadata.source, metadata.file, metadata.line, text]))
    .digest('hex')
    .slice(0, 32)
  return { text, id, metadata: { ...metadata, ...structureOf(record) } }
}

/** What the plain text of a conversation or a pair does not tell: datatrove hands it on with the row. */
const structureOf = (record: ChimedRecord): object =>
  'text' in record ? {} : 'messages' in record ? { messages: JSON.stringify(record.messages) } : pairOf(record)

const pairOf = ({ prompt, chosen, rejected }: PreferencePair): object => ({ prompt, chosen, rejected })

/** The row of a record for Data-Juicer. */
function dataJuicerRow(record: ChimedRecord): object {
  const meta = metaOf(record)
  const text = textOf(record)
  if ('text' in record) return { text, meta }
  if ('messages' in record) return { text, ...exchangesOf(record), meta }
  return { text, query: record.prompt, chosen: record.chosen, rejected: record.rejected, meta }
}

/** The last exchange as query and response, the ones before as history. */
function exchangesOf({ messages }: Conversation): object {
  const system = messages[0]?.role === 'system' ? messages[0].content : undefined
  const turns = messages.filter(({ role }) => role !== 'system').map(({ content }) => content)
  const pairs = Array.from({ length: Math.ceil(turns.length / 2) }, (_, i) => [turns[2 * i]!, turns[2 * i + 1] ?? ''])
  const [query, response] = pairs.at(-1) ?? ['', '']
  return { ...(system !== undefined && { system }), query, response, history: pairs.slice(0, -1) }
}
