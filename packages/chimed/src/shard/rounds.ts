import { join } from 'node:path'
import { looker, type Part, readPart } from './parts'
import { type Results, resultsOf } from './results'
import type { Bucket, Gathering, Gives, Place, Round } from './sharded-step'
import { entrySpill } from './sinks'
import { readSpill, spill } from './spill'
import { hashOf, type Stage, type StageDone, type StageRunner, type Task, type TaskOutput } from './stage'

/** What is the same for all rounds of a step. */
export interface RoundSetting {
  readonly runner: StageRunner
  readonly buckets: number
  /** Parts as they come into the step. */
  readonly parts: readonly Part[]
  /** Name and options of the step. */
  readonly key: unknown
  /** Number and name for folders, such as `03-dedup.exact`. */
  readonly name: string
}

/** Results of a round, part by part, and the notes of its last stage. */
export interface RoundDone {
  results(part: number): Results
  readonly notes: readonly Note[]
  readonly digest: string
}

/** A note for the report of a corpus. */
export interface Note {
  readonly corpus: number
  readonly note: unknown
}

interface GivenInfo {
  /** Results by part. */
  readonly file: string
  readonly notes: readonly Note[]
}

/** Runs one round over parts whose entries of the round lie in `spills`; gives the results back to the parts. */
export async function runRound(
  round: Round,
  spills: { readonly files: readonly string[]; readonly digest: string },
  earlier: readonly RoundDone[],
  setting: RoundSetting,
): Promise<RoundDone> {
  const { runner, key, name } = setting
  const after = [spills.digest, ...earlier.map(({ digest }) => digest)]
  const reduced = await runner.run({
    name: `${name}-${round.name}`,
    does: [key, round.name, setting.buckets],
    after,
    tasks: reduceTasks(round, spills.files, earlier, setting),
  })
  const given = round.gather ? await runner.run(gatherStage(round, reduced, setting)) : reduced
  const files = given.tasks.map(({ info }) => join(runner.work, info.file))
  const stride = round.resultWords + 1
  const buckets = setting.parts.length
  return {
    results: (part) =>
      resultsOf(
        files.map((file) => readSpill(file, { bucket: part, buckets, stride })),
        stride,
      ),
    notes: given.tasks.flatMap(({ info }) => info.notes),
    digest: given.digest,
  }
}

function reduceTasks(
  round: Round,
  files: readonly string[],
  earlier: readonly RoundDone[],
  { runner, buckets, parts }: RoundSetting,
): Task<GivenInfo>[] {
  return Array.from({ length: buckets }, (_, bucket) => ({
    input: bucket,
    run: async (output) => {
      const looking = looker(parts)
      const given = gives(parts, round.resultWords)
      const entries = bucketEntries(
        files.map((file) => join(runner.work, file)),
        bucket,
        buckets,
        round.words,
      )
      await output.tick()
      const results = lastOnly((part: number) => earlier.map((done) => done.results(part)))
      try {
        round.reduce({ ...given.gives, entries, stride: round.words + 2, look: looking.look, results } satisfies Bucket)
      } finally {
        looking.close()
      }
      return given.put(output)
    },
  }))
}

/** Remembers the last answer: entries come in the order of the data, so the part seldom changes. */
function lastOnly<T>(make: (part: number) => T): (part: number) => T {
  let last: { part: number; made: T } | undefined
  return (part) => {
    if (last?.part !== part) last = { part, made: make(part) }
    return last.made
  }
}

/** The entries of a bucket in the files of all parts, each with the number of its part put in. */
function bucketEntries(files: readonly string[], bucket: number, buckets: number, words: number): Uint32Array {
  const stride = words + 1
  const lists = files.map((file) => readSpill(file, { bucket, buckets, stride }))
  const count = lists.reduce((sum, { length }) => sum + length / stride, 0)
  const entries = new Uint32Array(count * (stride + 1))
  let at = 0
  for (const [part, list] of lists.entries()) {
    for (let from = 0; from < list.length; from += stride) {
      for (let word = 0; word < words; word++) entries[at++] = list[from + word]!
      entries[at++] = part
      entries[at++] = list[from + words]!
    }
  }
  return entries
}

/** Collects results by part, and notes. */
function gives(parts: readonly Part[], resultWords: number) {
  const results = spill(resultWords + 1, parts.length)
  const notes: Note[] = []
  const row = new Uint32Array(resultWords + 1)
  const corpusOf = (part: number): number => parts[part]!.corpus
  const own: Gives = {
    corpusOf,
    give: ({ part, index }: Place, words) => {
      row[0] = index
      row.set(words, 1)
      results.add(row, part)
    },
    note: ({ part }, note) => notes.push({ corpus: corpusOf(part), note }),
  }
  const put = (output: TaskOutput): GivenInfo => ({ file: output.put('results', results.bytes()), notes })
  return { gives: own, put }
}

function gatherStage(
  round: Round,
  reduced: StageDone<GivenInfo>,
  { runner, parts, key, name }: RoundSetting,
): Stage<GivenInfo> {
  const stride = round.resultWords + 2
  const files = reduced.tasks.map(({ info }) => join(runner.work, info.file))
  const run = async (output: TaskOutput): Promise<GivenInfo> => {
    const looking = looker(parts)
    const given = gives(parts, round.resultWords)
    const all: Gathering = {
      ...given.gives,
      stride,
      sizes: parts.map(({ size }) => size),
      look: looking.look,
      each: (visit) => {
        for (const file of files) visit(bucketRows(file, parts.length, round.resultWords + 1))
      },
    }
    try {
      round.gather!(all)
    } finally {
      looking.close()
    }
    return given.put(output)
  }
  return {
    name: `${name}-${round.name}-gather`,
    does: [key, round.name],
    after: [reduced.digest],
    tasks: [{ input: hashOf(parts.map(({ size }) => size)), run }],
  }
}

/** All rows of a file of results, each with the number of its part in front. */
function bucketRows(file: string, parts: number, stride: number): Uint32Array {
  const lists = Array.from({ length: parts }, (_, part) => readSpill(file, { bucket: part, buckets: parts, stride }))
  const rows = new Uint32Array(lists.reduce((sum, { length }) => sum + length / stride, 0) * (stride + 1))
  let at = 0
  for (const [part, list] of lists.entries()) {
    for (let from = 0; from < list.length; from += stride) {
      rows[at++] = part
      for (let word = 0; word < stride; word++) rows[at++] = list[from + word]!
    }
  }
  return rows
}

/** Tasks that send the entries of a later round; the records stay as they are. */
export const emitTasks = (
  round: Round,
  earlier: readonly RoundDone[],
  { parts, buckets }: RoundSetting,
): Task<{ readonly spill: string }>[] =>
  parts.map((part, number) => ({
    input: number,
    run: async (output) => {
      const entries = entrySpill({ words: round.words, buckets })
      const emit = round.emitter({ corpus: part.corpus, results: earlier.map((done) => done.results(number)) })
      let index = 0
      for (const record of readPart(part)) {
        emit(record, index, entries.put(index))
        if (++index % 1024 === 0) await output.tick()
      }
      return { spill: output.put('spill', entries.bytes()) }
    },
  }))
