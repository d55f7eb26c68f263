/**
 * Places of the `k` largest scores above `floor`, best first; equal scores in order of place. NaN counts as below any floor.
 *
 * A heap of the best so far with the worst of them on top, so that most scores cost one comparison.
 */
export function topK(scores: Float64Array | Float32Array, k: number, floor = -Infinity): number[] {
  const heap: number[] = []
  let bar = floor
  for (let i = above(scores, bar, 0); i < scores.length && k > 0; i = above(scores, bar, i + 1)) {
    if (heap.length < k) {
      heap.push(i)
      siftUp(heap, scores)
    } else {
      heap[0] = i
      siftDown(heap, scores)
    }
    if (heap.length === k) bar = scores[heap[0]!]!
  }
  return heap.sort((a, b) => scores[b]! - scores[a]! || a - b)
}

/** First place from `start` on with a score above `bar`; the length when there is none. Nearly all the time goes here. */
function above(scores: Float64Array | Float32Array, bar: number, start: number): number {
  let i = start
  while (i < scores.length && !(scores[i]! > bar)) i++
  return i
}

/** True when place `a` ranks behind place `b`. */
const behind = (scores: Float64Array | Float32Array, a: number, b: number): boolean =>
  scores[a]! < scores[b]! || (scores[a] === scores[b] && a > b)

function siftUp(heap: number[], scores: Float64Array | Float32Array): void {
  let child = heap.length - 1
  const item = heap[child]!
  while (child > 0) {
    const parent = (child - 1) >> 1
    if (!behind(scores, item, heap[parent]!)) break
    heap[child] = heap[parent]!
    child = parent
  }
  heap[child] = item
}

function siftDown(heap: number[], scores: Float64Array | Float32Array): void {
  const item = heap[0]!
  let parent = 0
  for (;;) {
    let child = 2 * parent + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && behind(scores, heap[child + 1]!, heap[child]!)) child++
    if (!behind(scores, heap[child]!, item)) break
    heap[parent] = heap[child]!
    parent = child
  }
  heap[parent] = item
}
