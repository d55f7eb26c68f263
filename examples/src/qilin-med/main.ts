/**
 * Qilin-Med from raw files to a report: builds ChiMed, adapts a language model to it by continued pre-training, SFT and
 * DPO, grounds it with retrieval, and evaluates every stage.
 *
 *   npm start                                  the embedded data and model, two to three minutes on two cores
 *   npm start -- --seed 2                      another run; the same seed gives the same numbers
 *   npm start -- --resume                      goes on where the last run of this seed was stopped
 *   npm start -- --data FOLDER --model FOLDER  real data and a real checkpoint
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Built, type ChimedRecord, cptRows, dpoRows, type OnFault, plainFormat, sftRows } from '@qilin-med/chimed'
import { saveAdapter } from '@qilin-med/lora'
import { type LoadedModel, loadModel, type NetworkAdapter, type Tokenizer } from '@qilin-med/models'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import type { TrainingRow } from '@qilin-med/train'
import { collect } from './collect'
import type { Domain, TestData } from './domain'
import { evaluateStage, type StageResult } from './evaluate'
import { writeMerged } from './merge'
import { isMiniChimed, miniChimedFolder, miniDomain } from './mini-domain'
import { type Options, readOptions } from './options'
import { writeReport } from './report'
import { buildKnowledge } from './retrieval'
import { writeSummary } from './summary'
import { dataTables, heading, note, readingTable, resultTable, testTable } from './terminal'
import { type Stage, type TrainedStage, trainStage } from './training'

/** The embedded base model. */
const miniModel = fileURLToPath(new URL('../../models/mini', import.meta.url))

/** Everything a run shares from beginning to end. */
interface Run {
  readonly options: Options
  readonly domain: Domain
  readonly runtime: Runtime
  readonly tokenizer: Tokenizer
  readonly base: LoadedModel
  readonly tests: TestData
  readonly built: Built
  readonly signal: AbortSignal
}

class Stopped extends Error {}

/** `most` records, one from each sub-dataset in turn. */
const evenly = <T extends ChimedRecord>(records: readonly T[], most = records.length): T[] => {
  const groups = new Map<string, T[]>()
  for (const record of records) {
    const source = record.origin?.source ?? ''
    if (!groups.has(source)) groups.set(source, [])
    groups.get(source)!.push(record)
  }
  const bySource = [...groups.values()]
  const longest = Math.max(0, ...bySource.map(({ length }) => length))
  const turns = Array.from({ length: longest }, (_, i) => bySource.flatMap((list) => list.slice(i, i + 1)))
  return most === records.length ? [...records] : turns.flat().slice(0, most)
}

/** `most` items at equal distances: packed rows come sorted by how they were filled. */
const spread = <T>(items: readonly T[], most: number): T[] =>
  items.filter(
    (_, i) =>
      Math.floor(((i + 1) * most) / items.length) > Math.floor((i * most) / items.length) || items.length <= most,
  )

/** The corpora as token rows of the three stages. */
const trainingRows = async ({ domain, tokenizer, built }: Run): Promise<Record<Stage, TrainingRow[]>> => {
  const { rowLength, recordsPerStage: most } = domain
  const format = plainFormat({ tokenizer, prompt: ({ content }) => domain.prompt(content), maxLength: rowLength })
  const left = { tooLong: 0 }
  const onFault = () => {
    left.tooLong++
  }
  const rows = {
    cpt: await collect(
      cptRows(evenly(built.train.cpt, most), { tokenizer, blockSize: rowLength, packing: 'bfd_split' }),
    ),
    sft: await collect(sftRows(evenly(built.train.sft, most), { tokenizer, maxLength: rowLength, format, onFault })),
    dpo: await collect(
      dpoRows(evenly(built.train.dpo, most), {
        tokenizer,
        maxLength: rowLength,
        prompt: ({ prompt }) => domain.prompt(prompt),
        onFault,
      }),
    ),
  }
  if (most !== undefined) rows.cpt = spread(rows.cpt, most)
  if (left.tooLong > 0) note(`${left.tooLong} records gave no row: their prompt alone fills ${rowLength} tokens`)
  return rows
}

/** Trains a stage, or throws when it was stopped. */
const runStage = async (
  run: Run,
  stage: Stage,
  model: LoadedModel,
  rows: readonly TrainingRow[],
  from?: TrainedStage,
): Promise<TrainedStage> => {
  const { options, domain, signal } = run
  heading(`${stage.toUpperCase()}: ${rows.length} rows, ${domain[stage].steps} steps`)
  const trained = await trainStage({
    stage,
    domain,
    model,
    rows,
    from: from?.adapter,
    seed: options.seed,
    folder: options.out,
    signal,
  })
  if (!trained.finished) throw new Stopped()
  const { first, last, steps } = trained.loss
  note(`loss ${first.toFixed(3)} to ${last.toFixed(3)} (means of the first and the last ${steps} steps)`)
  await saveAdapter(join(options.out, 'adapters', stage), trained.adapter, { baseModel: model.checkpoint.folder })
  return trained
}

/** What `make` returns, kept in a file so that a resumed run need not compute it again. */
const kept = async <T>(path: string, make: () => Promise<T>): Promise<T> => {
  if (existsSync(path)) return JSON.parse(await readFile(path, 'utf8')) as T
  const value = await make()
  await writeFile(`${path}.tmp`, JSON.stringify(value))
  await rename(`${path}.tmp`, path)
  return value
}

const evaluated = (
  run: Run,
  name: string,
  model: LoadedModel,
  adapter?: NetworkAdapter,
  extra: Partial<Pick<Parameters<typeof evaluateStage>[0], 'retriever' | 'without'>> = {},
): Promise<StageResult> =>
  kept(join(run.options.out, 'evaluation', `${name}.json`), async () => {
    run.signal.throwIfAborted()
    heading(`Evaluation: ${name}`)
    const { domain, signal, tests, options } = run
    const started = performance.now()
    const limit = domain.testLimit
    const context = { domain, tests, model, adapter, signal, seed: options.seed, limit }
    const result = await evaluateStage({ ...context, ...extra })
    await model.dispose() // its programs; training needs the memory
    note(`${((performance.now() - started) / 1000).toFixed(1)} s`)
    return result
  })

const pipeline = async (
  run: Run,
): Promise<{ stages: Record<string, StageResult>; trained: Partial<Record<Stage, TrainedStage>> }> => {
  const { options, runtime, domain, built, base } = run
  const rows = await trainingRows(run)
  const stages: Record<string, StageResult> = {}
  stages.base = await evaluated(run, 'base', base)

  const pretrained = domain.cpt.steps > 0 ? await runStage(run, 'cpt', base, rows.cpt) : undefined
  if (pretrained) stages.cpt = await evaluated(run, 'cpt', base, pretrained.adapter)

  const tuned = await runStage(run, 'sft', base, rows.sft, pretrained)
  const merged = join(options.out, 'models', 'sft')
  await writeMerged(merged, base, tuned.adapter)
  const reference = await loadModel(merged, { runtime })
  stages.sft = await evaluated(run, 'sft', reference)

  const aligned = await runStage(run, 'dpo', reference, rows.dpo)
  stages.dpo = await evaluated(run, 'dpo', reference, aligned.adapter)

  heading('Retrieval')
  const { retriever, report } = await buildKnowledge(domain, built, options.embedder)
  note(
    `${report.indexed} chunks indexed, ${report.terms} terms; ${report.refused} refused: they belong to a test split`,
  )
  stages['sft+rag'] = await evaluated(run, 'sft+rag', reference, undefined, { retriever, without: stages.sft })
  return { stages, trained: { ...(pretrained && { cpt: pretrained }), sft: tuned, dpo: aligned } }
}

/** What a run writes; a new run takes these away first and touches nothing else that lies in its folder. */
const written = ['adapters', 'checkpoints', 'data', 'evaluation', 'logs', 'models', 'report.html', 'summary.json']

/** Makes the folder ready, once model and options have proved good: a bad start must not cost an earlier run. */
const prepareFolder = async ({ out, resume }: Options): Promise<void> => {
  try {
    if (!resume) for (const name of written) await rm(join(out, name), { recursive: true, force: true })
    await mkdir(join(out, 'evaluation'), { recursive: true })
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? cause
    throw new Error(`npm start: --out ${out} must be a folder that can be written, got ${code}. Name another one.`, {
      cause,
    })
  }
}

const domainOf = async ({ data, rows, ablation }: Options): Promise<Domain> =>
  data === undefined || isMiniChimed(data)
    ? miniDomain(data, ablation)
    : (await import('./real-domain')).realDomain(data, rows)

/** Stops at a damaged row, unless asked not to. Rows that are whole but of no use, such as those without an answer, are counted only. */
const faultPolicy =
  ({ skipDamaged }: Options): OnFault =>
  ({ code, reason, file, line }) => {
    if (skipDamaged || !damage.has(code)) return
    throw new Error(`${file}:${line}: ${reason}. Mend the row, or leave out such rows with --skip-damaged.`)
  }

const damage: ReadonlySet<string> = new Set(['json', 'encoding', 'nul-byte', 'column-count', 'unclosed-quote'])

const main = async (): Promise<void> => {
  const started = performance.now()
  const options = readOptions(process.argv.slice(2))
  const stop = new AbortController()
  process.once('SIGINT', () => {
    note('Stopping after this step. Go on with: npm start -- --resume (and the same options).')
    stop.abort()
  })
  const domain = await domainOf(options)
  heading(`Qilin-Med on ${domain.name}, seed ${options.seed}`)
  note(domain.notice)
  await using runtime = await nodeRuntime(options.threads ? { threads: options.threads } : {})
  const tokenizer = await loadTokenizer(options.model ?? miniModel)
  const base = await loadModel(options.model ?? miniModel, { runtime }) // before the data: a bad model ends the run at once
  await prepareFolder(options)
  const built = await domain.build({ out: join(options.out, 'data'), tokenizer, onFault: faultPolicy(options) })
  readingTable(domain, options.data ?? miniChimedFolder, built.report)
  dataTables(built.report)
  const tests = await domain.tests()
  testTable(tests)
  const run: Run = {
    options,
    domain,
    runtime,
    tokenizer,
    base,
    tests,
    built,
    signal: stop.signal,
  }
  const { stages, trained } = await pipeline(run)
  heading('Results')
  resultTable(stages)
  const seconds = (performance.now() - started) / 1000
  const summary = await writeSummary(options, { data: built.report, stages, trained, seconds })
  await writeReport(options.out, { domain, summary, stages, trained, data: built.report })
  note(
    `${join(options.out, 'report.html')} and ${join(options.out, 'summary.json')} after ${summary.seconds.toFixed(0)} s`,
  )
}

try {
  await main()
} catch (cause) {
  const stopped = cause instanceof Stopped || (cause as Error).name === 'AbortError'
  process.stderr.write(`\n${stopped ? 'Stopped; nothing is lost.' : (cause as Error).message}\n`)
  if (process.env.DEBUG) console.error(cause)
  process.exitCode = stopped ? 130 : 1
}
