/** Room for one large thing at a time. */
export interface Slot<T extends AsyncDisposable> extends AsyncDisposable {
  /** What `key` stands for: kept while the same key is asked for, disposed of before another is made. */
  hold(key: string, make: () => Promise<T>): Promise<T>
}

/** An empty slot. */
export const slot = <T extends AsyncDisposable>(): Slot<T> => {
  let kept: { readonly key: string; readonly value: Promise<T> } | undefined
  const clear = async (): Promise<void> => {
    const before = kept
    kept = undefined
    await (await before?.value)?.[Symbol.asyncDispose]()
  }
  return {
    hold: async (key, make) => {
      if (kept?.key !== key) {
        await clear()
        kept = { key, value: make() }
      }
      return kept.value
    },
    [Symbol.asyncDispose]: clear,
  }
}
