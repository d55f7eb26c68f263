import type { Corpus } from '../record'
import { writeFileWhole } from '../write/file'
import type { ParquetShards } from '../write/parquet'
import { allSteps, corpusTitles, type ReportedData } from './data-report'
import { bytes } from './html'

/** What is known about the rights in one source. */
export interface SourceLicence {
  /** Name of the source as in the report. */
  readonly source: string
  /** Such as `Apache-2.0`, or what the source says where it has no licence. */
  readonly licence: string
  /** Where it was published. */
  readonly url?: string | undefined
}

/** Options of `dataCard`. */
export interface DataCardOptions {
  /** Title and `pretty_name` (default `ChiMed`). */
  readonly title?: string | undefined
  /** SPDX identifier of the whole as the hub knows it (default `other`). */
  readonly licence?: string | undefined
  readonly licences?: readonly SourceLicence[] | undefined
  /** Shards that lie beside the card, by folder, as `writeParquetShards` returned them. */
  readonly shards?: readonly (ParquetShards & { readonly folder: string })[] | undefined
  /** A paragraph on what the data may be used for. */
  readonly notice?: string | undefined
}

/** Writes `dataCard` to a file. */
export const writeDataCard = (path: string, data: ReportedData, options: DataCardOptions = {}): Promise<void> =>
  writeFileWhole(path, dataCard(data, options))

/**
 * A data card for the hub: YAML front matter with configurations, features and sizes, then Tables 1 to 3 with the licence of each source and
 * what the steps left out. A source without a known licence is said to have none known.
 */
export function dataCard(
  data: ReportedData,
  { title = 'ChiMed', licence = 'other', licences = [], shards = [], notice }: DataCardOptions = {},
): string {
  return [
    frontMatter(data, { title, licence, shards }),
    `# ${title}\n`,
    'Chinese medical text in the three corpora of Qilin-Med: pre-training text, conversations, preference pairs.\n',
    ...(notice ? [`> ${notice}\n`] : []),
    '## Sources\n',
    sourceTable(data, licences),
    '## Loading\n',
    loading(shards),
    '## How it was made\n',
    'Rows in and out of each step, and why rows were left out or changed:\n',
    stepTable(data),
    '## Limits\n',
    'Personal data was masked by rules, which find numbers and names in signatures and miss others. The text was written by patients, doctors and',
    'models; it was not checked by physicians and is no medical advice.\n',
  ].join('\n')
}

const features: Readonly<Record<Corpus, string>> = {
  cpt: '  - name: text\n    dtype: string\n',
  sft: messages('messages'),
  dpo: ['prompt', 'chosen', 'rejected'].map(messages).join(''),
}

function messages(name: string): string {
  return `  - name: ${name}\n    list:\n    - name: role\n      dtype: string\n    - name: content\n      dtype: string\n`
}

function frontMatter(
  { totals }: ReportedData,
  { title, licence, shards }: { title: string; licence: string; shards: NonNullable<DataCardOptions['shards']> },
): string {
  const samples = totals.reduce((sum, row) => sum + row.samples, 0)
  const folders = [...new Set(shards.map(({ folder }) => folder))]
  const configurations = folders.map((folder) => {
    const own = shards.filter((one) => one.folder === folder)
    const files = own.map(({ split }) => `  - split: ${split}\n    path: ${folder}/${split}-*\n`).join('')
    return `- config_name: ${folder}\n  data_files:\n${files}`
  })
  const infos = folders.map((folder) => {
    const own = shards.filter((one) => one.folder === folder)
    const splits = own
      .map(
        ({ split, textBytes, rows }) => `  - name: ${split}\n    num_bytes: ${textBytes}\n    num_examples: ${rows}\n`,
      )
      .join('')
    const total = (of: (one: ParquetShards) => number): number => own.reduce((sum, one) => sum + of(one), 0)
    return `- config_name: ${folder}\n  features:\n${features[own[0]!.corpus]}  - name: source\n    dtype: string\n  splits:\n${splits}  download_size: ${total(({ fileBytes }) => fileBytes)}\n  dataset_size: ${total(({ textBytes }) => textBytes)}\n`
  })
  return [
    '---',
    'language:\n- zh',
    `license: ${licence}`,
    `pretty_name: ${JSON.stringify(title)}`,
    'task_categories:\n- text-generation\n- question-answering',
    'tags:\n- medical\n- chinese\n- qilin-med',
    `size_categories:\n- ${sizeCategory(samples)}`,
    ...(folders.length > 0 ? [`configs:\n${configurations.join('')}dataset_info:\n${infos.join('').trimEnd()}`] : []),
    '---\n',
  ].join('\n')
}

/** The classes of the hub. */
function sizeCategory(samples: number): string {
  const limits = ['1K', '10K', '100K', '1M', '10M', '100M', '1B'] as const
  const index = limits.findIndex((_, at) => samples < 10 ** (at + 3))
  if (index < 0) return 'n>1B'
  return index === 0 ? 'n<1K' : `${limits[index - 1]}<n<${limits[index]}`
}

function sourceTable({ sources, totals }: ReportedData, licences: readonly SourceLicence[]): string {
  const known = new Map(licences.map((one) => [one.source, one]))
  const corpora = [...new Set(sources.map(({ corpus }) => corpus))]
  return corpora
    .map((corpus) => {
      const rows = sources.filter((row) => row.corpus === corpus)
      const sums = totals.filter((row) => row.corpus === corpus)
      return [
        `### ${corpusTitles[corpus]}\n`,
        markdownTable(
          ['sub-dataset', 'samples', 'tokens', 'size', 'licence'],
          [
            ...rows.map((row) => [
              linked(row.source, known.get(row.source)),
              ...figures(row),
              known.get(row.source)?.licence ?? 'none known',
            ]),
            ...sums.map((row) => [`**total, ${row.split}**`, ...figures(row), '']),
          ],
        ),
      ].join('\n')
    })
    .join('\n')
}

const figures = (row: ReportedData['totals'][number]): string[] => [
  row.samples.toLocaleString('en'),
  row.tokens === undefined ? '–' : row.tokens.toLocaleString('en'),
  bytes(row.bytes),
]

const linked = (name: string, licence: SourceLicence | undefined): string =>
  licence?.url ? `[${name}](${licence.url})` : name

function stepTable(data: ReportedData): string {
  return markdownTable(
    ['step', 'in', 'out', 'left out', 'changed'],
    allSteps(data).map(([where, { name, input, output, dropped, changed }]) => [
      `${where}: ${name}`,
      input.toLocaleString('en'),
      output.toLocaleString('en'),
      counts(dropped),
      counts(changed),
    ]),
  )
}

const counts = (reasons: Readonly<Record<string, number>>): string =>
  Object.entries(reasons)
    .map(([code, count]) => `${count.toLocaleString('en')} ${code}`)
    .join(', ')

function loading(shards: NonNullable<DataCardOptions['shards']>): string {
  const [first] = shards
  if (!first) return 'The files are JSONL; `datasets` and TRL read them as they are.\n'
  return `\`\`\`python\nfrom datasets import load_dataset\n\ndata = load_dataset("path/to/this/folder", "${first.folder}", split="${first.split}")\n\`\`\`\n`
}

/** A Markdown table; bars inside cells are escaped. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return `${[line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')}\n`
}
