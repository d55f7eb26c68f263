import { type BandedDistance, bandedDistance, operation } from './edit-distance'

const maxShiftSize = 10
const maxShiftDistance = 50
const maxCandidates = 1000

/**
 * Edits that turn `hypothesis` into `reference`, where moving a run of words to another place is one edit: the best shift is
 * made again and again while it lowers the word edit distance.
 *
 * @see Snover et al. 2006 (https://aclanthology.org/2006.amta-papers.25); limits and ranking as in Tercom and sacrebleu
 */
export function translationEdits(hypothesis: Int32Array, reference: Int32Array): number {
  if (reference.length === 0) return hypothesis.length
  const distances = bandedDistance(reference, hypothesis.length)
  let words = hypothesis
  let shifts = 0
  const budget = { used: 0 }
  for (;;) {
    const shift = bestShift(words, reference, distances, budget)
    if (budget.used >= maxCandidates || shift === undefined || shift.gain <= 0) break
    shifts++
    words = shift.words
  }
  return shifts + distances.distance(words)
}

interface Shift {
  readonly gain: number
  readonly length: number
  readonly start: number
  readonly target: number
  readonly words: Int32Array
}

function bestShift(
  words: Int32Array,
  reference: Int32Array,
  distances: BandedDistance,
  budget: { used: number },
): Shift | undefined {
  const before = distances.distance(words)
  const { alignment, referenceErrors, hypothesisErrors } = align(distances.trace(), words.length, reference.length)
  let best: Shift | undefined
  for (const { start, at, length } of commonRuns(words, reference)) {
    // Move only words that are wrong where they are, to a place that is wrong too, and not within themselves.
    if (!anyError(hypothesisErrors, start, length) || !anyError(referenceErrors, at, length)) continue
    if (start <= alignment[at]! && alignment[at]! < start + length) continue
    let last = -1
    for (let offset = -1; offset < length; offset++) {
      const place = at + offset
      if (place >= reference.length) break
      const target = place === -1 ? 0 : alignment[place]! + 1
      if (target === last) continue
      last = target
      const moved = shifted(words, start, length, target)
      const candidate = { gain: before - distances.distance(moved), length, start, target, words: moved }
      budget.used++
      if (best === undefined || ranksHigher(candidate, best)) best = candidate
    }
    if (budget.used >= maxCandidates) break
  }
  return best
}

/** Largest gain, then longest run, then earliest run, then earliest target. */
function ranksHigher(a: Shift, b: Shift): boolean {
  if (a.gain !== b.gain) return a.gain > b.gain
  if (a.length !== b.length) return a.length > b.length
  if (a.start !== b.start) return a.start < b.start
  return a.target < b.target
}

/** For each reference word the hypothesis word beside it, and on both sides which words are wrong. */
function align(trace: readonly number[], hypothesisLength: number, referenceLength: number) {
  const alignment = new Int32Array(referenceLength)
  const referenceErrors = new Uint8Array(referenceLength)
  const hypothesisErrors = new Uint8Array(hypothesisLength)
  let [h, r] = [-1, -1]
  for (const step of trace) {
    const wrong = step === operation.keep ? 0 : 1
    if (step !== operation.insert) hypothesisErrors[++h] = wrong
    if (step === operation.delete) continue
    alignment[++r] = h
    referenceErrors[r] = wrong
  }
  return { alignment, referenceErrors, hypothesisErrors }
}

/** Runs of equal words, every length of each, near enough to be shifted. */
function* commonRuns(
  words: Int32Array,
  reference: Int32Array,
): Generator<{ start: number; at: number; length: number }> {
  for (let start = 0; start < words.length; start++)
    for (let at = 0; at < reference.length; at++) {
      if (Math.abs(at - start) > maxShiftDistance) continue
      let length = 0
      while (
        length < maxShiftSize &&
        start + length < words.length &&
        at + length < reference.length &&
        words[start + length] === reference[at + length]
      )
        yield { start, at, length: ++length }
    }
}

function anyError(errors: Uint8Array, start: number, length: number): boolean {
  for (let i = start; i < Math.min(start + length, errors.length); i++) if (errors[i]) return true
  return false
}

/** A copy with the run moved so that it stands before word `target` of the original; within the run, by so many words. */
function shifted(words: Int32Array, start: number, length: number, target: number): Int32Array {
  const run = words.subarray(start, start + length)
  const pieces =
    target < start
      ? [words.subarray(0, target), run, words.subarray(target, start), words.subarray(start + length)]
      : target > start + length
        ? [words.subarray(0, start), words.subarray(start + length, target), run, words.subarray(target)]
        : [
            words.subarray(0, start),
            words.subarray(start + length, length + target),
            run,
            words.subarray(length + target),
          ]
  const result = new Int32Array(words.length)
  let at = 0
  for (const piece of pieces) {
    result.set(piece, at)
    at += piece.length
  }
  return result
}
