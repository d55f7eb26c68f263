/** How a signature is cut: two texts become candidates when all `rows` values of one of the `bands` agree. */
export interface Banding {
  readonly bands: number
  readonly rows: number
}

/** Probability that two sets of similarity `s` become candidates: 1 - (1 - s^rows)^bands. */
export const candidateProbability = (s: number, { bands, rows }: Banding): number => 1 - (1 - s ** rows) ** bands

/** The banding with the fewest candidates (most rows) that still finds pairs at `threshold` with probability `recall` or more. */
export function bandsForRecall({
  threshold,
  permutations,
  recall = 0.995,
}: {
  readonly threshold: number
  readonly permutations: number
  readonly recall?: number
}): Banding {
  let best: Banding = { bands: permutations, rows: 1 }
  for (let rows = 1; rows <= permutations; rows++) {
    const banding = { bands: Math.floor(permutations / rows), rows }
    if (candidateProbability(threshold, banding) >= recall) best = banding
  }
  return best
}

/** Weights and integration rule of `optimalBands`. */
export interface OptimalBandsOptions {
  readonly threshold: number
  readonly permutations: number
  /** Weight of candidates below the threshold (default 0.5). */
  readonly falsePositiveWeight?: number | undefined
  /** Weight of missed pairs above it (default 0.5). */
  readonly falseNegativeWeight?: number | undefined
}

/** The banding that datasketch and text-dedup choose: least weighted sum of the areas of false positives and negatives, fewest bands first. */
export function optimalBands({
  threshold,
  permutations,
  falsePositiveWeight = 0.5,
  falseNegativeWeight = 0.5,
}: OptimalBandsOptions): Banding {
  let least = Number.POSITIVE_INFINITY
  let best: Banding = { bands: 0, rows: 0 }
  for (let bands = 1; bands <= permutations; bands++) {
    for (let rows = 1; rows <= Math.floor(permutations / bands); rows++) {
      const error =
        falsePositiveArea(threshold, { bands, rows }) * falsePositiveWeight +
        falseNegativeArea(threshold, { bands, rows }) * falseNegativeWeight
      if (error < least) {
        least = error
        best = { bands, rows }
      }
    }
  }
  return best
}

/** Area under the candidate probability from 0 to the threshold. */
export const falsePositiveArea = (threshold: number, banding: Banding): number =>
  integral(0, threshold, (s) => candidateProbability(s, banding))

/** Area over the candidate probability from the threshold to 1. */
export const falseNegativeArea = (threshold: number, banding: Banding): number =>
  integral(threshold, 1, (s) => 1 - candidateProbability(s, banding))

/** Nodes and weights of Gauss and Legendre's rule with eight points on [-1, 1]; the other half is mirrored. */
const gauss: readonly (readonly [node: number, weight: number])[] = [
  [0.1834346424956498, 0.362683783378362],
  [0.525532409916329, 0.3137066458778873],
  [0.7966664774136267, 0.2223810344533745],
  [0.9602898564975363, 0.1012285362903763],
]

/** The integral of a smooth function over [from, to], to about 1e-14: the rule on 32 panels. */
function integral(from: number, to: number, f: (x: number) => number): number {
  const panels = 32
  const half = (to - from) / panels / 2
  let area = 0
  for (let panel = 0; panel < panels; panel++) {
    const middle = from + (2 * panel + 1) * half
    for (const [node, weight] of gauss) area += weight * (f(middle - node * half) + f(middle + node * half))
  }
  return area * half
}
