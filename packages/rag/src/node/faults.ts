import type { DocumentInput } from '../documents/document'
import { RagError } from '../errors'

/** Why something was left out while reading. */
export interface Fault {
  readonly code: 'row' | 'encoding' | 'file' | 'path'
  readonly reason: string
  readonly path: string
  /** Line from 1, where there is one. */
  readonly line?: number | undefined
}

/** What a reader read, and what it left out and why. */
export interface ReadReport {
  readonly files: number
  readonly documents: number
  /** What was left out, by code. */
  readonly faults: Readonly<Record<string, number>>
  /** The first five. */
  readonly examples: readonly Fault[]
}

/** What a reader does with a file or row that it cannot use. */
export type OnFault = 'throw' | 'skip'

/** Documents in files, read as they are iterated, again at every iteration. */
export interface DocumentFiles extends AsyncIterable<DocumentInput> {
  /** Of the latest iteration, as far as it came. */
  readonly report: ReadReport
}

/** Where a reader tells about a fault; throws when the caller wants that. */
export type Complain = (fault: Fault) => void

/** Makes a reader of a generator that reads one file after the other. */
export function documentFiles(
  operation: string,
  onFault: OnFault,
  read: (complain: Complain, fileRead: () => void) => AsyncGenerator<DocumentInput>,
): DocumentFiles {
  const empty = { files: 0, documents: 0, faults: {} as Record<string, number>, examples: [] as Fault[] }
  let report = empty
  return {
    get report() {
      return report
    },
    async *[Symbol.asyncIterator]() {
      const current = structuredClone(empty)
      report = current
      const complain: Complain = (fault) => {
        if (onFault === 'throw') throw faultError(operation, fault)
        current.faults[fault.code] = (current.faults[fault.code] ?? 0) + 1
        if (current.examples.length < 5) current.examples.push(fault)
      }
      for await (const document of read(complain, () => current.files++)) {
        current.documents++
        yield document
      }
    },
  }
}

const faultError = (operation: string, { code, reason, path, line }: Fault): RagError =>
  new RagError(
    code === 'path' ? 'file' : code,
    `${operation}: ${path}${line === undefined ? '' : `:${line}`}: ${reason}. Mend it, or pass onFault: 'skip' to leave it out and count it.`,
    { operation, path, line },
  )
