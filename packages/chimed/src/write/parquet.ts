import { readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SchemaElement } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { ChimedError } from '../errors'
import { type Corpus, corpusOf, textOf } from '../record'
import type { ChimedRecord, Message, Split } from '../types'
import type { Records } from './corpora'
import { fileWriter, unwritable } from './file'

/** Options of `writeParquetShards`. */
export interface ParquetOptions {
  /** Part of the data set, the first word of the file names (default `train`). */
  readonly split?: Split | undefined
  /** A shard ends at the record that brings its text to this many bytes of UTF-8 (default 256 MiB). */
  readonly shardBytes?: number | undefined
  /** Records of a row group, which is what is held in memory (default 1000). */
  readonly groupRows?: number | undefined
}

/** What `writeParquetShards` wrote. */
export interface ParquetShards {
  readonly corpus: Corpus
  readonly split: Split
  /** File names in order, `train-00000-of-00002.parquet` and so on. */
  readonly files: readonly string[]
  readonly rows: number
  /** Bytes of the text, and of the files. */
  readonly textBytes: number
  readonly fileBytes: number
}

/**
 * Records of one corpus as Parquet shards in the layout that the hub and `datasets` read: `text` for pre-training, `messages` for
 * conversations, `prompt`, `chosen`, `rejected` as message lists for preferences (TRL's formats), and `source` beside each. The shards
 * depend on the records alone. Shards of an earlier call for the same split are replaced, once all new ones are whole.
 *
 * @throws ChimedError `option` without records or with records of several corpora, `file-write` when the disk refuses
 */
export async function writeParquetShards(
  folder: string,
  records: Records<ChimedRecord>,
  { split = 'train', shardBytes = 1 << 28, groupRows = 1000 }: ParquetOptions = {},
): Promise<ParquetShards> {
  const parts: string[] = []
  let corpus: Corpus | undefined
  let shard: Shard | undefined
  const sums = { rows: 0, textBytes: 0 }
  let inShard = 0
  try {
    for await (const record of records) {
      corpus ??= corpusOf(record)
      if (corpusOf(record) !== corpus) throw mixed(corpus, corpusOf(record))
      if (!shard) {
        const path = join(folder, `${split}-${String(parts.length).padStart(5, '0')}.incomplete`)
        shard = openShard(path, corpus, groupRows)
        parts.push(path)
        inShard = 0
      }
      await shard.add(record)
      const bytes = Buffer.byteLength(textOf(record))
      sums.rows++
      sums.textBytes += bytes
      inShard += bytes
      if (inShard >= shardBytes) {
        await shard.close()
        shard = undefined
      }
    }
    await shard?.close()
    if (!corpus) throw new ChimedError('option', 'writeParquetShards: expected records, got none. Leave the split out.')
    const files = nameShards(folder, split, parts)
    const fileBytes = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    return { corpus, split, files, fileBytes, ...sums }
  } catch (error) {
    await shard?.abort()
    for (const path of parts) rmSync(path, { force: true })
    throw error
  }
}

/** Renames the parts to what the hub expects, and removes shards of earlier calls. */
function nameShards(folder: string, split: Split, parts: readonly string[]): string[] {
  const total = String(parts.length).padStart(5, '0')
  const names = parts.map((_, index) => `${split}-${String(index).padStart(5, '0')}-of-${total}.parquet`)
  try {
    for (const old of readdirSync(folder))
      if (new RegExp(`^${split}-\\d{5}-of-\\d{5}\\.parquet$`).test(old)) rmSync(join(folder, old))
    for (const [index, part] of parts.entries()) renameSync(part, join(folder, names[index]!))
  } catch (cause) {
    throw unwritable(folder, cause)
  }
  return names
}

const mixed = (first: Corpus, other: Corpus): ChimedError =>
  new ChimedError(
    'option',
    `writeParquetShards: expected records of one corpus, got ${first} and ${other}. Write each corpus to a folder of its own.`,
  )

interface Shard {
  add(record: ChimedRecord): Promise<void>
  close(): Promise<void>
  abort(): Promise<void>
}

function openShard(path: string, corpus: Corpus, groupRows: number): Shard {
  const file = fileWriter(path)
  const bytes = new ByteWriter()
  const writer = new ParquetWriter({ writer: bytes, schema: [...schemas[corpus]], createdBy: '@qilin-med/chimed' })
  let group: ChimedRecord[] = []

  async function send(): Promise<void> {
    await file.write(new Uint8Array(bytes.buffer.slice(0, bytes.index)))
    bytes.index = 0
  }
  async function flush(): Promise<void> {
    if (group.length === 0) return
    const columns = Object.entries(columnsOf[corpus]).map(([name, cell]) => ({ name, data: group.map(cell) }))
    await writer.write({ columnData: columns, rowGroupSize: groupRows })
    group = []
    await send()
  }
  return {
    add: async (record) => {
      if (group.push(record) >= groupRows) await flush()
    },
    close: async () => {
      await flush()
      await writer.finish()
      await send()
      await file.close()
    },
    abort: () => file.abort(),
  }
}

const source = (record: ChimedRecord): string => record.origin?.source ?? ''
const message = ({ role, content }: Message): Message => ({ role, content })

const columnsOf: Readonly<Record<Corpus, Readonly<Record<string, (record: ChimedRecord) => unknown>>>> = {
  cpt: { text: textOf, source },
  sft: { messages: (record) => ('messages' in record ? record.messages.map(message) : []), source },
  dpo: {
    prompt: (record) =>
      'prompt' in record ? [...(record.history ?? []).map(message), { role: 'user', content: record.prompt }] : [],
    chosen: (record) => ('prompt' in record ? [{ role: 'assistant', content: record.chosen }] : []),
    rejected: (record) => ('prompt' in record ? [{ role: 'assistant', content: record.rejected }] : []),
    source,
  },
}

const string = (name: string): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  logical_type: { type: 'STRING' },
  repetition_type: 'OPTIONAL',
})

/** A list of `{ role, content }` in the three levels that Arrow reads. */
const messageList = (name: string): SchemaElement[] => [
  { name, converted_type: 'LIST', logical_type: { type: 'LIST' }, repetition_type: 'OPTIONAL', num_children: 1 },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
  string('role'),
  string('content'),
]

const schema = (...columns: readonly (readonly SchemaElement[])[]): SchemaElement[] => [
  { name: 'schema', num_children: columns.length },
  ...columns.flat(),
]

const schemas: Readonly<Record<Corpus, readonly SchemaElement[]>> = {
  cpt: schema([string('text')], [string('source')]),
  sft: schema(messageList('messages'), [string('source')]),
  dpo: schema(messageList('prompt'), messageList('chosen'), messageList('rejected'), [string('source')]),
}
