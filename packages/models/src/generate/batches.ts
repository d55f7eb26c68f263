/** What is generated together. */
export interface BatchLimits {
  /** Most prompts of a batch (default 64); at least one. */
  readonly batchRows?: number
  /** Most tokens of a batch's prompts, padding included (default 16,384); a longer prompt is a batch of its own. */
  readonly batchTokens?: number
}

/** Numbers of the prompts of each batch, longest prompts first: padding is least among prompts of like lengths. */
export const generationBatches = (
  prompts: readonly (readonly number[])[],
  { batchRows = 64, batchTokens = 16_384 }: BatchLimits = {},
): number[][] => {
  const lengthOf = (row: number): number => prompts[row]!.length
  const order = [...prompts.keys()].sort((a, b) => lengthOf(b) - lengthOf(a) || a - b)
  const batches: number[][] = []
  for (let begin = 0; begin < order.length; ) {
    const fitting = Math.floor(batchTokens / Math.max(1, lengthOf(order[begin]!)))
    const rows = Math.min(batchRows, fitting)
    const batch = order.slice(begin, begin + (rows >= 1 ? rows : 1)) // also where a limit is no number
    batches.push(batch)
    begin += batch.length
  }
  return batches
}
