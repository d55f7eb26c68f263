import type { NdArray } from '@qilin-med/tensor'
import { ModelsError } from '../errors'

/** A prompt and what may follow it, in token ids. */
export interface ScoreRequest {
  /** At least one token: the first scored token needs something to be predicted from. */
  readonly prompt: readonly number[]
  readonly continuations: readonly (readonly number[])[]
}

/** One program call: int32 arrays, and for each labelled position the request and continuation it belongs to. */
export interface ScoreBatch {
  readonly arrays: Readonly<Record<'ids' | 'positions' | 'segments' | 'parents' | 'sources' | 'targets', NdArray>>
  readonly owners: readonly (readonly [request: number, continuation: number])[]
}

/** Which requests are put in rows. */
export interface RowOptions {
  /** Most tokens of a batch, padding included; a row that is longer makes a batch of its own. */
  readonly batchTokens: number
  /** Numbers of the requests; all by default. */
  readonly members?: readonly number[]
  /** Leading tokens that every prompt shares and that were computed before; they are left out of the rows. */
  readonly shared?: number
}

const rowLength = ({ prompt, continuations }: ScoreRequest): number =>
  continuations.reduce((total, continuation) => total + continuation.length, prompt.length)

/** Tokens from which on a batch is worth a program call of its own, and how long a row must be beside the longest one to go in the same. */
const [worthACall, likeLength] = [512, 0.9]

/**
 * Requests in batches of rows `[prompt | continuation | continuation | …]`, longest first so that rows of a batch have
 * like lengths, and little is padding. Continuations see the prompt and themselves only, and all start at the prompt's length.
 */
export function* scoreBatches(
  requests: readonly ScoreRequest[],
  { batchTokens, members = [...requests.keys()], shared = 0 }: RowOptions,
): Generator<ScoreBatch> {
  const lengthOf = (index: number): number => rowLength(requests[index]!) - shared
  const order = [...members].sort((a, b) => lengthOf(b) - lengthOf(a) || a - b)
  let batch: number[] = []
  for (const index of order) {
    if (requests[index]!.prompt.length === 0)
      throw new ModelsError(
        'bad-prompt',
        `score: expected prompts of at least one token, got an empty one. Begin with a BOS token.`,
      )
    const longest = batch.length > 0 ? lengthOf(batch[0]!) : 0
    const full = longest * (batch.length + 1) > batchTokens
    const ragged = longest * batch.length >= worthACall && lengthOf(index) < likeLength * longest
    if (batch.length > 0 && (full || ragged)) {
      yield packRows(requests, batch, shared)
      batch = []
    }
    batch.push(index)
  }
  if (batch.length > 0) yield packRows(requests, batch, shared)
}

const packRows = (requests: readonly ScoreRequest[], indices: readonly number[], shared: number): ScoreBatch => {
  const width = Math.max(...indices.map((index) => rowLength(requests[index]!))) - shared
  const matrix = () => new Int32Array(indices.length * width)
  const [ids, positions, segments, parents] = [matrix(), matrix(), matrix(), matrix()]
  const sources: number[] = []
  const targets: number[] = []
  const owners: [number, number][] = []
  indices.forEach((index, row) => {
    const { prompt, continuations } = requests[index]!
    let at = row * width
    const put = (id: number, position: number, segment: number) => {
      ids[at] = id
      positions[at] = position
      segments[at] = segment
      parents[at] = 1
      at++
    }
    for (let position = shared; position < prompt.length; position++) put(prompt[position]!, position, 1)
    const last = at - 1
    continuations.forEach((continuation, which) => {
      continuation.forEach((id, i) => {
        sources.push(i === 0 ? last : at - 1)
        targets.push(id)
        owners.push([index, which])
        put(id, prompt.length + i, which + 2)
      })
    })
  })
  const rows = (data: Int32Array): NdArray => ({ dtype: 'int32', shape: [indices.length, width], data })
  const list = (values: number[]): NdArray => ({
    dtype: 'int32',
    shape: [values.length],
    data: Int32Array.from(values),
  })
  return {
    arrays: {
      ids: rows(ids),
      positions: rows(positions),
      segments: rows(segments),
      parents: rows(parents),
      sources: list(sources),
      targets: list(targets),
    },
    owners,
  }
}
