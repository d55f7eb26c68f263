/**
 * Builds ChiMed-small from real Chinese medical data: reads every sub-dataset in its public format, cleans, removes duplicates and test
 * questions, and writes training files, Parquet shards with a data card, and an HTML report. Expect Tables 1 to 3 of the paper for it, what
 * was left out and why, and the largest groups of near-duplicates, in under a minute.
 *
 *   npm run example -- chimed-real [--data FOLDER] [--out FOLDER] [--tokenizer FOLDER]
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import {
  buildCorpora,
  decontaminate,
  dedup,
  isChimedError,
  maskPersonal,
  normalise,
  quality,
  safety,
  writeDataCard,
  writeDataReport,
  writeParquetShards,
} from '@qilin-med/chimed'
import { loadTokenizer } from '@qilin-med/models'
import { chimedSmall, licencesOf, testSets } from './corpora'
import { printClusters, printDrops, printPairs, printTables, say } from './print'

const notice =
  'Research data under the licences of its sources, which forbid much: keep it to yourself. Nothing in it is medical advice.'

interface Folders {
  readonly data: string
  readonly out: string
  readonly tokenizer: string
}

/** What was asked for on the command line, or a sentence about what is wrong with it. */
const readOptions = (): Folders | string => {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string', default: '../shared/data' },
        out: { type: 'string', default: 'out/chimed-small' },
        tokenizer: { type: 'string' },
      },
    })
    const data = resolve(values.data)
    if (!existsSync(join(data, 'manifest.json')))
      return `expected the data folder with its manifest.json, got none at ${data}. Name it with --data.`
    return { data, out: resolve(values.out), tokenizer: values.tokenizer ?? join(data, 'models/baichuan-7b') }
  } catch (error) {
    return `${(error as Error).message}. It knows --data, --out and --tokenizer.`
  }
}

const main = async ({ data, out, tokenizer: tokenizerFolder }: Folders): Promise<void> => {
  const start = performance.now()
  const tokenizer = await loadTokenizer(tokenizerFolder)
  const corpora = chimedSmall(data)
  const held = await testSets(data)
  const { train, validation, report } = await buildCorpora({
    ...corpora,
    steps: [
      normalise(),
      maskPersonal(),
      quality(),
      safety(),
      dedup.exact(),
      dedup.minhash({ threshold: 0.8 }),
      dedup.substring({ keep: 'first' }),
      decontaminate({ against: held }),
    ],
    tests: held,
    split: { validation: 0.01, seed: 1 },
    tokenizer,
    out,
    dropped: true,
    onProgress: ({ stage, done, total }) => progress(stage, done, total),
  })
  const shards = []
  for (const folder of ['cpt', 'sft', 'dpo'] as const) {
    for (const [split, built] of [
      ['train', train],
      ['validation', validation],
    ] as const) {
      if (built[folder].length > 0)
        shards.push({ ...(await writeParquetShards(join(out, 'hub', folder), built[folder], { split })), folder })
    }
  }
  const title = 'ChiMed-small'
  const licences = licencesOf(data, corpora)
  await writeDataCard(join(out, 'hub/README.md'), report, { title, notice, licences, shards })
  const seconds = (performance.now() - start) / 1000
  const peak = process.resourceUsage().maxRSS / 1024
  await writeDataReport(join(out, 'report.html'), report, {
    title,
    notice,
    facts: [
      ['seconds', seconds.toFixed(1)],
      ['peak memory', `${peak.toFixed(0)} MB`],
    ],
  })
  progress('', 0)
  printTables(report)
  printDrops(report)
  printClusters(report, 10)
  printPairs(report)
  say(`\n${seconds.toFixed(1)} s, peak memory ${peak.toFixed(0)} MB`)
  say(
    `report: ${join(out, 'report.html')}\ndata card and shards: ${join(out, 'hub')}\nleft out: ${join(out, 'dropped')}`,
  )
}

/** One line that is written over, on a terminal only. */
const progress = (stage: string, done: number, total?: number): void => {
  if (!process.stderr.isTTY) return
  const text = stage && `${stage} ${done}${total ? ` of ${total}` : ''}`
  process.stderr.write(`\r\u001b[K${text}`)
}

const fail = (sentence: string): void => {
  process.stderr.write(`chimed-real: ${sentence}\n`)
  process.exitCode = 1
}

const options = readOptions()
if (typeof options === 'string') fail(options)
else
  await main(options).catch((error: unknown) => {
    if (!isChimedError(error)) throw error
    fail(error.message)
  })
