import type { Tokenizer } from '@qilin-med/models'
import type { NdArray } from '@qilin-med/tensor'
import type { Sample } from '../world/curriculum'

/** A sample in tokens; `learnt[i]` says whether token i is to be predicted. */
export interface TokenSample {
  readonly ids: readonly number[]
  readonly learnt: readonly boolean[]
}

/** The tokens of a sample. */
export const tokenize = (tokenizer: Pick<Tokenizer, 'encode'>, { segments }: Sample): TokenSample => {
  const parts = segments.map(({ text, loss }) => ({ ids: tokenizer.encode(text, { addSpecialTokens: false }), loss }))
  return {
    ids: parts.flatMap(({ ids }) => ids),
    learnt: parts.flatMap(({ ids, loss }) => ids.map(() => loss)),
  }
}

/** Arrays of one step: token rows, and the labelled positions in them. */
export type StepArrays = Readonly<Record<'ids' | 'positions' | 'segments' | 'sources' | 'targets', NdArray>>

/**
 * Fills `rows` rows of `length` tokens with whole samples, each a segment of its own, and lists what is to be
 * predicted. Takes samples from `next` until one does not fit; that one opens the following batch.
 */
export const packer = (next: () => TokenSample, rows: number, length: number): (() => StepArrays) => {
  let waiting = next()
  return () => {
    const matrix = () => new Int32Array(rows * length)
    const [ids, positions, segments] = [matrix(), matrix(), matrix()]
    const sources: number[] = []
    const targets: number[] = []
    for (let row = 0; row < rows; row++) {
      let at = 0
      for (let segment = 1; at + Math.min(waiting.ids.length, length) <= length; segment++) {
        const start = row * length + at
        waiting.ids.slice(0, length).forEach((id, i) => {
          ids[start + i] = id
          positions[start + i] = i
          segments[start + i] = segment
          if (i > 0 && waiting.learnt[i]) {
            sources.push(start + i - 1)
            targets.push(id)
          }
        })
        at += Math.min(waiting.ids.length, length)
        waiting = next()
      }
    }
    const table = (data: Int32Array): NdArray => ({ dtype: 'int32', shape: [rows, length], data })
    const list = (data: number[]): NdArray => ({ dtype: 'int32', shape: [data.length], data: Int32Array.from(data) })
    return {
      ids: table(ids),
      positions: table(positions),
      segments: table(segments),
      sources: list(sources),
      targets: list(targets),
    }
  }
}
