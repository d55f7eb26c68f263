/** A benchmark that cannot run as asked; the message is one sentence for the user. */
export class BenchError extends Error {
  override readonly name = 'BenchError'
}
