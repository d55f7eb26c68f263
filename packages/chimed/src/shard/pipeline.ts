import { join } from 'node:path'
import type { StepReport } from '../types'
import { type PackInfo, packStages } from './pack-stage'
import { looker, type Part, readPart } from './parts'
import { mergeReports, type PartReport, pass, sideLines } from './pass'
import { corpora, type Plan, plain, type Segment } from './plan'
import { type PassInfo, putSides, readTasks } from './read-stage'
import { emitTasks, type Note, type RoundDone, type RoundSetting, runRound } from './rounds'
import type { PartResults, Round } from './sharded-step'
import { type FinalInfo, finalSink, type RowsInfo, rowsSink, type Sink } from './sinks'
import type { Stage, StageDone, StageRunner, Task } from './stage'

/** What is left when all stages are done; names of files are relative to the work folder. */
export interface PipelineDone {
  /** Finished parts, in the order of the data. */
  readonly parts: readonly (FinalInfo & { readonly corpus: number })[]
  readonly packed: readonly PackInfo[]
  readonly reading: readonly (StepReport & { readonly source: number })[]
  /** Reports of the steps by corpus. */
  readonly steps: readonly (readonly StepReport[])[]
  readonly sides: readonly { readonly name: string; readonly file: string }[]
}

/** Runs (or finds) every stage of a build in order; makes the reports of the steps when asked to. */
export async function pipeline(
  plan: Plan,
  runner: StageRunner,
  { withReports }: { readonly withReports: boolean },
): Promise<PipelineDone> {
  const { segments } = plan
  let number = 0
  const stageName = (name: string): string => `${String(number++).padStart(2, '0')}-${name}`
  const reports = corpora.map((): StepReport[] => [])
  const sides: { name: string; file: string }[] = []
  const tell = async (segment: Segment, infos: readonly PassInfo<object>[], extra?: CompareReport): Promise<void> => {
    sides.push(...infos.flatMap((info) => info.sides))
    if (withReports) await addReports(reports, segment, plan, infos, extra)
  }

  const first = segments[0]!
  const read = await runner.run<PassInfo<Passed>>({
    name: stageName('read'),
    does: passKey(plan, first, 0),
    after: [],
    tasks: readTasks(plan, sinkFor(plan, 0)),
  })
  await tell(first, infosOf(read))
  let done: StageDone<PassInfo<Passed>> = read

  for (const [at, segment] of segments.entries()) {
    if (!segment.compares) continue
    const { sharded, name, options } = segment.compares
    const parts = partsOf(done, runner.work)
    const setting: RoundSetting = {
      runner,
      buckets: plan.buckets,
      parts,
      key: [name, plain(options)],
      name: stageName(name),
    }
    const rounds: RoundDone[] = []
    for (const round of sharded.rounds) {
      const spills = await spillsOf(round, done, rounds, setting)
      rounds.push(await runRound(round, spills, rounds, setting))
    }
    const before: StageDone<PassInfo<Passed>> = done
    done = await runner.run<PassInfo<Passed>>(
      applyStage(plan, at, { ...setting, name: stageName(`after-${name}`) }, rounds, before),
    )
    await tell(segment, infosOf(done), { parts, notes: rounds.at(-1)!.notes })
  }
  const finished = infosOf(done).flatMap(({ parts }) => parts) as unknown as PipelineDone['parts']
  return {
    parts: finished,
    packed: await packStages(plan, runner, { parts: finished, digest: done.digest, stageName }),
    reading: infosOf(read).flatMap(({ reading }) => (reading ? [reading] : [])),
    steps: reports,
    sides,
  }
}

/** Between passes a part has rows; after the last one it is finished. */
type Passed = RowsInfo | FinalInfo

const infosOf = <Info>({ tasks }: StageDone<Info>): readonly Info[] => tasks.map(({ info }) => info)

/** The sink behind the steps of a segment: entries of the next step, or the end. */
const sinkFor =
  ({ segments, options, buckets }: Plan, at: number) =>
  (corpus: number): Sink<Passed> => {
    const round = segments[at + 1]?.compares?.sharded.rounds[0]
    if (round) return rowsSink(round.emitter({ corpus, results: [] }), { words: round.words, buckets })
    const { split = { validation: 0 }, format = 'trl', tokenizer, tokens } = options
    return finalSink(corpora[corpus]!, { split, format, tokenizer, tokens })
  }

/** What a pass depends on beside its input: its steps, and what comes behind them. */
const passKey = (plan: Plan, { rows }: Segment, at: number): unknown => {
  const next = plan.segments[at + 1]?.compares
  return {
    rows: rows.map(({ key }) => key),
    dropped: plan.options.dropped === true,
    partBytes: at === 0 ? plan.partBytes : undefined,
    next: next ? [next.name, plain(next.options), plan.buckets] : plan.finalKey,
  }
}

function partsOf(done: StageDone<PassInfo<Passed>>, work: string): Part[] {
  return infosOf(done)
    .flatMap(({ parts }) => parts as readonly (RowsInfo & { corpus: number })[])
    .map(({ rows, ends, size, corpus }) => ({ rows: join(work, rows), ends: join(work, ends), size, corpus }))
}

/** Entries of a round: those of the first came with the records, the others are sent now. */
async function spillsOf(
  round: Round,
  done: StageDone<PassInfo<Passed>>,
  earlier: readonly RoundDone[],
  setting: RoundSetting,
): Promise<{ readonly files: string[]; readonly digest: string }> {
  if (earlier.length === 0) {
    const parts = infosOf(done).flatMap(({ parts: own }) => own as readonly RowsInfo[])
    return { files: parts.map(({ spill }) => spill), digest: done.digest }
  }
  const sent = await setting.runner.run({
    name: `${setting.name}-${round.name}-send`,
    does: [setting.key, round.name, setting.buckets],
    after: [done.digest, ...earlier.map(({ digest }) => digest)],
    tasks: emitTasks(round, earlier, setting),
  })
  return { files: infosOf(sent).map(({ spill }) => spill), digest: sent.digest }
}

/** Gives the records of every part what the rounds found, runs the steps behind, and passes them on. */
function applyStage(
  plan: Plan,
  at: number,
  { parts, key, name }: RoundSetting,
  rounds: readonly RoundDone[],
  before: StageDone<PassInfo<Passed>>,
): Stage<PassInfo<Passed>> {
  const segment = plan.segments[at]!
  const { sharded, name: stepName } = segment.compares!
  const run =
    (part: Part, number: number): Task<PassInfo<Passed>>['run'] =>
    async (output) => {
      const side = sideLines()
      const looking = looker(parts)
      const results: PartResults = {
        corpus: part.corpus,
        results: rounds.map((round) => round.results(number)),
        look: looking.look,
      }
      const compares = { name: stepName, ...sharded.applier(results) }
      const steps = pass(
        [compares, ...segment.rows.map((step) => step.part())],
        plan.options.dropped ? side.onDrop : undefined,
      )
      const sink = sinkFor(plan, at)(part.corpus)
      let index = 0
      try {
        for (const record of readPart(part)) {
          const left = steps.run(record, index)
          if (left) sink.add(left)
          if (++index % 1024 === 0) await output.tick()
        }
      } finally {
        looking.close()
      }
      const closed = { ...(await sink.close(output, '')), corpus: part.corpus }
      return { parts: [closed], steps: steps.reports(), sides: putSides(side, output) }
    }
  return {
    name,
    does: [key, passKey(plan, segment, at)],
    after: [before.digest, ...rounds.map(({ digest }) => digest)],
    tasks: parts.map((part, number) => ({ input: number, run: run(part, number) })),
  }
}

/** What a comparing step adds to its reports. */
interface CompareReport {
  readonly parts: readonly Part[]
  readonly notes: readonly Note[]
}

/** Adds the reports of a segment's steps, summed up by corpus. */
async function addReports(
  reports: StepReport[][],
  { compares, rows }: Segment,
  { options, inputs }: Plan,
  infos: readonly PassInfo<object>[],
  extra: CompareReport | undefined,
): Promise<void> {
  const all = options.steps ?? []
  for (const [corpus, list] of reports.entries()) {
    const own = infos.filter((info, task) =>
      info.reading ? inputs[task]!.corpus === corpus : info.parts[0]!.corpus === corpus,
    )
    const names = [...(compares ? [compares.name] : []), ...rows.map(({ name }) => name)]
    for (const [at, name] of names.entries()) {
      const step = all[list.length]!
      const { report: base } = await step.run([])
      const sums = mergeReports(
        base,
        own.map(({ steps }): PartReport => steps[at]!),
      )
      const told = at === 0 && extra ? withNotes(compares, sums, corpus, extra) : sums
      list.push({ ...told, name })
    }
  }
}

function withNotes(
  compares: Segment['compares'],
  sums: StepReport,
  corpus: number,
  { parts, notes }: CompareReport,
): StepReport {
  const report = compares!.sharded.report
  if (!report) return sums
  const looking = looker(parts)
  try {
    return report(
      sums,
      notes.filter((note) => note.corpus === corpus).map(({ note }) => note),
      looking.look,
    )
  } finally {
    looking.close()
  }
}
