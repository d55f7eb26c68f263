/** A conformance run that cannot start or be trusted as asked; the message is one sentence for the user. */
export class ConformError extends Error {
  override readonly name = 'ConformError'
}

/** The first line of whatever was thrown, short enough for a report of one line a case. */
export const oneLine = (thrown: unknown): string => {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown)
  const joined = text.replace(/\s+/g, ' ').trim()
  return joined.length > 400 ? `${joined.slice(0, 400)}…` : joined
}
