import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readJsonl } from '@qilin-med/chimed'
import { type Documents, wholeText } from './documents'
import { fileRows, type Job } from './job'

/** How well planted rows were found. */
export interface Found {
  readonly planted: number
  readonly dropped: number
  readonly recall: number
  readonly precision: number
}

/** What a build made of what was planted. */
export interface Truth {
  readonly exact: Found
  /** Copies at a Jaccard similarity of 0.8 or more. */
  readonly near: Found
  /** Copies below 0.8 that stayed, of all such. */
  readonly nearBelow: { readonly planted: number; readonly kept: number }
  /**
   * Characters of passages that stand in two documents or more. Copies below 0.8 and what they copy are left out: they share long
   * passages too.
   */
  readonly passages: Found
  readonly leaks: Found
  /** Documents that differ from what they should be, beside those counted above. */
  readonly damaged: number
}

/** Compares what a build dropped and wrote with what was planted. */
export async function check({ out }: Job, made: Documents): Promise<Truth> {
  const exact = await droppedBy(out, 'dedup.exact')
  const near = await droppedBy(out, 'dedup.minhash')
  const leaked = await droppedBy(out, 'decontaminate')
  const emptied = await droppedBy(out, 'dedup.substring')
  const planted = { exact: new Set<number>(), near: new Set<number>(), leak: new Set<number>() }
  const uses = new Map<number, number>()
  const entangled = new Set<number>()
  let below = 0
  let belowKept = 0
  for (let index = 0; index < made.count; index++) {
    const kind = made.kindOf(index)
    if (kind === 'exact') planted.exact.add(index)
    if (kind === 'leak') planted.leak.add(index)
    if (kind === 'near') {
      const copy = made.make(index)
      const { similarity, of } = copy
      if (wholeText(copy) === wholeText(made.make(of!)))
        planted.exact.add(index) // every edit met its own character
      else if (similarity! >= 0.8) planted.near.add(index)
      else {
        below++
        if (!near.has(index)) {
          belowKept++
          entangled.add(index).add(of!)
        }
      }
    }
    if (kind === 'passage' && !exact.has(index) && !near.has(index) && !leaked.has(index)) {
      const { number } = made.make(index).passage!
      uses.set(number, (uses.get(number) ?? 0) + 1)
    }
  }
  const texts = await checkTexts(join(out, 'chimed/cpt.jsonl'), made, {
    gone: (index) => exact.has(index) || near.has(index) || leaked.has(index) || emptied.has(index),
    repeated: (number) => (uses.get(number) ?? 0) > 1,
    entangled,
  })
  return {
    exact: found(planted.exact, exact),
    near: found(planted.near, near),
    nearBelow: { planted: below, kept: belowKept },
    passages: texts.passages,
    leaks: found(planted.leak, leaked),
    damaged: texts.damaged,
  }
}

function found(planted: ReadonlySet<number>, dropped: ReadonlySet<number>): Found {
  let both = 0
  for (const index of dropped) if (planted.has(index)) both++
  return ratios(planted.size, dropped.size, both)
}

const ratios = (planted: number, dropped: number, both: number): Found => ({
  planted,
  dropped,
  recall: planted === 0 ? 1 : both / planted,
  precision: dropped === 0 ? 1 : both / dropped,
})

/** Numbers of the documents that a step left out, from its side file. */
async function droppedBy(out: string, step: string): Promise<Set<number>> {
  const path = join(out, `chimed/dropped/cpt-${step}.jsonl`)
  const numbers = new Set<number>()
  if (!existsSync(path)) return numbers
  for await (const { value } of readJsonl<{ file: string; line: number }>(path))
    numbers.add(Number(/part-(\d+)/.exec(value.file)![1]) * fileRows + value.line - 1)
  return numbers
}

/** Walks through the documents that are left beside the corpus, which keeps their order. */
async function checkTexts(
  path: string,
  made: Documents,
  {
    gone,
    repeated,
    entangled,
  }: {
    readonly gone: (index: number) => boolean
    readonly repeated: (number: number) => boolean
    readonly entangled: ReadonlySet<number>
  },
): Promise<{ readonly passages: Found; readonly damaged: number }> {
  let [planted, removed, both, damaged, index] = [0, 0, 0, 0, 0]
  const skip = (): void => {
    while (index < made.count && gone(index)) index++
  }
  for await (const { value } of readJsonl<{ text: string }>(path)) {
    skip()
    const own = index++
    if (entangled.has(own)) continue
    const document = made.make(own)
    const before = wholeText(document)
    const { passage } = document
    const cut = before.length - value.text.length
    removed += cut
    if (passage && repeated(passage.number)) {
      planted += passage.text.length
      const at = before.indexOf(passage.text)
      const left = at + passage.text.length
      const head = commonStart(before, value.text)
      if (cut > 0 && before.slice(0, head) + before.slice(head + cut) === value.text)
        both += Math.max(0, Math.min(left, head + cut) - Math.max(at, head))
      else if (cut > 0) damaged++
    } else if (cut > 0) damaged++
  }
  skip()
  if (index !== made.count)
    throw new Error(`chimed-scale: expected ${made.count} documents, got ${index} accounted for.`)
  return { passages: ratios(planted, removed, both), damaged }
}

function commonStart(a: string, b: string): number {
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at++
  return at
}
