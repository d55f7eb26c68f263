/**
 * The results of `make(0)`, `make(1)`, …, `make(count − 1)` in order, with at most `ahead` of them in the making or
 * waiting. An error arrives in its turn; leaving the loop starts no more.
 */
export async function* prefetched<T>(
  count: number,
  make: (index: number) => Promise<T>,
  { ahead = 2, from = 0 }: { readonly ahead?: number; readonly from?: number } = {},
): AsyncGenerator<T> {
  const pending: Promise<T>[] = []
  let next = from
  const start = () => {
    const made = make(next++)
    made.catch(() => undefined) // reported when its turn comes
    pending.push(made)
  }
  while (next < count || pending.length > 0) {
    while (next < count && pending.length < Math.max(1, ahead)) start()
    yield await pending.shift()!
  }
}
