import type { BenchOptions } from '../../suite'

/** A resource that is disposed of after the last case. */
export function owned<T extends Disposable>(options: BenchOptions, resource: T): T {
  options.own({ [Symbol.asyncDispose]: async () => resource[Symbol.dispose]() })
  return resource
}
