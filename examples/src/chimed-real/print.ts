import { type BuildReport, type DedupReport, duplicatesBySources, type StepReport } from '@qilin-med/chimed'

type Reported = Pick<BuildReport, 'sources' | 'totals' | 'reading' | 'steps'>

/** One line to the person who started the program. */
export const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const titles = { cpt: 'Table 1: ChiMed-CPT', sft: 'Table 2: ChiMed-SFT', dpo: 'Table 3: ChiMed-DPO' } as const
const corpora = ['cpt', 'sft', 'dpo'] as const

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)}MB`

/** Tables 1 to 3 of the paper for this data. */
export const printTables = ({ sources, totals }: Reported): void => {
  for (const corpus of corpora) {
    say(`\n${titles[corpus]}`)
    say(line('sub-dataset', 'read', 'samples', 'tokens', 'size'))
    const rows = [...sources.filter((row) => row.corpus === corpus)]
    for (const { source, read, samples, tokens = 0, bytes } of rows)
      say(line(source, String(read), String(samples), String(tokens), megabytes(bytes)))
    for (const { split, samples, tokens = 0, bytes } of totals.filter((row) => row.corpus === corpus))
      say(line(`total, ${split}`, '', String(samples), String(tokens), megabytes(bytes)))
  }
}

const line = (name: string, ...cells: string[]): string =>
  `  ${name.padEnd(30)}${cells.map((cell) => cell.padStart(11)).join('')}`

/** How many rows each step left out, by reason. */
export const printDrops = ({ reading, steps }: Reported): void => {
  say('\nLeft out, by reason')
  const sums = new Map<string, number>()
  const add = (step: string, { dropped }: StepReport): void => {
    for (const [reason, count] of Object.entries(dropped))
      sums.set(`${step}: ${reason}`, (sums.get(`${step}: ${reason}`) ?? 0) + count)
  }
  for (const told of reading) add('read', told)
  for (const corpus of corpora) for (const told of steps[corpus]) add(`${corpus} ${told.name}`, told)
  for (const [reason, count] of sums) say(`  ${String(count).padStart(7)}  ${reason}`)
}

const isDedup = (told: StepReport): told is DedupReport => 'clusters' in told

/** The largest groups of near-duplicates over all corpora. */
export const printClusters = ({ steps }: Reported, most: number): void => {
  const clusters = corpora.flatMap((corpus) =>
    steps[corpus]
      .filter(({ name }) => name === 'dedup.minhash')
      .flatMap((told) => (isDedup(told) ? told.clusters.map((cluster) => ({ corpus, ...cluster })) : [])),
  )
  say(`\nThe ${most} largest groups of near-duplicates`)
  for (const { corpus, size, kept, dropped } of clusters.sort((a, b) => b.size - a.size).slice(0, most)) {
    say(`  ${String(size).padStart(4)}  ${corpus}  ${kept.origin?.file}:${kept.origin?.line}  ${oneLine(kept.excerpt)}`)
    const [other] = dropped
    if (other) say(`${' '.repeat(13)}${other.origin?.file}:${other.origin?.line}  ${oneLine(other.excerpt)}`)
  }
}

/** How many near-duplicates of which source a record of which source stands for. */
export const printPairs = ({ steps }: Reported): void => {
  say('\nNear-duplicates by sources: left out, source, source of the record that stays')
  for (const corpus of corpora)
    for (const told of steps[corpus].filter(({ name }) => name === 'dedup.minhash'))
      for (const { stays, goes, records } of isDedup(told) ? duplicatesBySources(told) : [])
        say(`  ${String(records).padStart(5)}  ${corpus}  ${goes.padEnd(30)} ${stays}`)
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 60)
