import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { faultLog, stepReport } from '../faults'
import type { StepReport } from '../types'
import { type PartReport, pass, type SideLines, sideLines } from './pass'
import { type Input, type Plan, plain } from './plan'
import type { Sink } from './sinks'
import type { Task, TaskOutput } from './stage'

/** What a task that passes records on writes down. */
export interface PassInfo<Info> {
  readonly parts: readonly (Info & { readonly corpus: number })[]
  readonly steps: readonly PartReport[]
  /** Side files, by the name they have in the end. */
  readonly sides: readonly { readonly name: string; readonly file: string }[]
  /** Of tasks that read a source: what was read. */
  readonly reading?: (StepReport & { readonly source: number }) | undefined
}

/** Tasks that read files, run the first steps, and cut the records into parts. */
export const readTasks = <Info>(plan: Plan, sinkOf: (corpus: number) => Sink<Info>): Task<PassInfo<Info>>[] =>
  plan.inputs.map((input) => ({
    input: {
      source: [input.source.name, plain(input.source.options)],
      corpus: input.corpus,
      files: inputFiles(input).map((file) => [basename(file), fileHash(file)]),
    },
    run: (output) => readInput(plan, input, sinkOf, output),
  }))

const inputFiles = ({ source, file }: Input): readonly string[] => (file === undefined ? source.files() : [file])

/** Rows between two looks at the clock of others. */
const rowsPerTick = 1024

async function readInput<Info>(
  { segments, partBytes, options }: Plan,
  { source, file, corpus, number }: Input,
  sinkOf: (corpus: number) => Sink<Info>,
  output: TaskOutput,
): Promise<PassInfo<Info>> {
  const log = faultLog()
  const side = sideLines()
  const steps = pass(
    segments[0]!.rows.map((step) => step.part()),
    options.dropped ? side.onDrop : undefined,
  )
  const parts: (Info & { corpus: number })[] = []
  let sink = sinkOf(corpus)
  let read = 0
  const close = async (): Promise<void> => {
    parts.push({ ...(await sink.close(output, `${parts.length}-`)), corpus })
    sink = sinkOf(corpus)
  }
  const name = `${['cpt', 'sft', 'dpo'][corpus]}-read`
  const onFault = (fault: Parameters<typeof log.add>[0]): void => {
    log.add(fault)
    if (options.dropped) side.onFault(fault, name)
  }
  for await (const record of source.read({ onFault, file })) {
    const left = steps.run(record, read)
    if (left) sink.add(left)
    if (++read % rowsPerTick === 0) await output.tick()
    if (sink.length >= partBytes) await close()
  }
  if (sink.length > 0) await close()
  return {
    parts,
    steps: steps.reports(),
    sides: putSides(side, output),
    reading: { ...stepReport(source.name, read + log.total(), read, log), source: number },
  }
}

/** Writes the side lines of a task. */
export const putSides = ({ lines }: SideLines, output: TaskOutput): { name: string; file: string }[] =>
  [...lines].map(([name, list]) => ({ name, file: output.put(`side-${name}.jsonl`, [Buffer.from(list.join(''))]) }))

/** SHA-256 of a file. */
function fileHash(path: string): string {
  const hash = createHash('sha256')
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.alloc(1 << 20)
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) hash.update(chunk.subarray(0, read))
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}
