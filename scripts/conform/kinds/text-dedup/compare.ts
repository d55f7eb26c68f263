/** Quotients of small integers, printed so that they read back exactly. */
export const exact = 1e-12

/** 1 where two JSON values differ. */
export const equal = (ours: unknown, theirs: unknown): number =>
  JSON.stringify(ours) === JSON.stringify(theirs) ? 0 : 1

/** The largest of some differences; 0 for none. */
export const largest = (differences: readonly number[]): number => Math.max(0, ...differences)
