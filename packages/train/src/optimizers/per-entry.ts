import { broadcastTo, concat, type FlatEntry, type FlatLayout, type Tensor } from '@qilin-med/tensor'

/**
 * A factor for every element of a flat vector: `value(entry)` spread over each entry, where `key(entry)` says which
 * entries share it. A scalar when all do, so the common case costs nothing.
 */
export const perEntry = <K>(
  { entries }: FlatLayout,
  key: (entry: FlatEntry) => K,
  value: (key: K) => Tensor,
): Tensor => {
  const runs: { key: K; size: number }[] = []
  for (const entry of entries) {
    const last = runs.at(-1)
    const own = key(entry)
    if (last && last.key === own) last.size += entry.size
    else runs.push({ key: own, size: entry.size })
  }
  const values = new Map(runs.map((run) => [run.key, value(run.key)]))
  if (values.size === 1) return values.get(runs[0]!.key)!
  return concat(
    runs.map((run) => broadcastTo(values.get(run.key)!, [run.size])),
    0,
  )
}
