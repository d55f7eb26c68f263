/**
 * Complementary error function, 1 - erf(x), to about 1e-15 relative: a series near zero, a continued fraction beyond.
 */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return Number.NaN
  if (x < 0) return 2 - erfc(-x)
  return x < 2 ? 1 - erfSeries(x) : erfcFraction(x)
}

/** erf(x) = 2/√π · e^(-x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)); all terms positive, so nothing cancels. */
function erfSeries(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; term > sum * 1e-18; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

/** Lentz's evaluation of the continued fraction for large x. */
function erfcFraction(x: number): number {
  if (x > 27) return 0
  let fraction = x
  let [c, d] = [x, 0]
  for (let k = 1; k < 500; k++) {
    const a = k / 2
    d = 1 / (x + a * d)
    c = x + a / c
    fraction *= c * d
    if (Math.abs(c * d - 1) < 1e-16) break
  }
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction)
}

/** Probability that a standard normal variable is at most `z`. */
export const normalCdf = (z: number): number => erfc(-z / Math.SQRT2) / 2

/** The z with `normalCdf(z) = p`; infinite for 0 and 1. */
export function normalQuantile(p: number): number {
  if (p === 0.5) return 0
  if (p <= 0 || p >= 1) return p <= 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (p > 0.5) return -normalQuantile(1 - p)
  // Start from a rough approximation for the lower tail, then Halley's steps against the distribution itself.
  const t = Math.sqrt(-2 * Math.log(p))
  let z = -(
    t -
    (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3)
  )
  for (let k = 0; k < 4; k++) {
    const error = (normalCdf(z) - p) * Math.sqrt(2 * Math.PI) * Math.exp((z * z) / 2)
    z -= error / (1 + (z * error) / 2)
  }
  return z
}
