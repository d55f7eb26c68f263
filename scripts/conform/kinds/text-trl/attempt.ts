/** What a golden file holds of a call: its result, or that it failed. */
export type Attempt = { readonly out?: unknown; readonly error?: { readonly message: string } }

/** Result and expectation; an error only has to be one on both sides. */
export function attempt(run: () => unknown, expected: Attempt): readonly [unknown, unknown] {
  try {
    return [{ out: run() }, expected.error ? { error: true } : { out: expected.out }]
  } catch (error) {
    return expected.error
      ? [{ error: true }, { error: true }]
      : [{ error: (error as Error).message }, { out: expected.out }]
  }
}
