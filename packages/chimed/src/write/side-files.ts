import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { corpusOf } from '../record'
import type { OnDrop } from '../step'
import type { Fault } from '../types'
import { unwritable } from './file'

/** Files that hold what readers and steps leave out, one JSON object a line. */
export interface SideFiles {
  /** Pass this as `onDrop` of a step: writes `<corpus>-<step>.jsonl` with the reason, the place and the whole record. */
  readonly onDrop: OnDrop
  /** Writes a row that gave no record to `<name>.jsonl`: its reason, place and beginning. Changes of kept rows are not written. */
  onFault(fault: Fault, name: string): void
  /** Puts the files in their places; returns their names. */
  close(): string[]
  /** Leaves nothing behind of files that are not in their places yet. */
  abort(): void
}

/**
 * Side files of a build in `folder`. Each is written under a temporary name and has its own only after `close`.
 *
 * @throws ChimedError `file-write` when the folder cannot be written or is full
 */
export function sideFiles(folder: string): SideFiles {
  const files = new Map<string, LineFile>()
  const write = (name: string, line: object): void => {
    let file = files.get(name)
    if (!file) files.set(name, (file = lineFile(join(folder, `${name}.jsonl`))))
    file.write(`${JSON.stringify(line)}\n`)
  }
  return {
    ...sideWriter(write),
    close: () =>
      [...files].map(([name, file]) => {
        file.close()
        return `${name}.jsonl`
      }),
    abort: () => {
      for (const file of files.values()) file.abort()
    },
  }
}

/** What goes to which side file. */
export const sideWriter = (write: (name: string, line: object) => void): Pick<SideFiles, 'onDrop' | 'onFault'> => ({
  onDrop: (record, { code, reason, file, line }, step) =>
    write(`${corpusOf(record)}-${step}`, { code, reason, file, line, record }),
  onFault: ({ kept, ...fault }, name) => {
    if (!kept) write(name, fault)
  },
})

interface LineFile {
  write(line: string): void
  close(): void
  abort(): void
}

const flushLength = 1 << 18

/** A file written without waiting, because steps that leave records out do not wait either. */
function lineFile(path: string): LineFile {
  const temporary = `${path}.${process.pid}.part`
  const guarded = <T>(act: () => T): T => {
    try {
      return act()
    } catch (cause) {
      rmSync(temporary, { force: true })
      throw unwritable(path, cause)
    }
  }
  const descriptor = guarded(() => {
    mkdirSync(dirname(path), { recursive: true })
    return openSync(temporary, 'w')
  })
  let held = ''
  let open = true
  const flush = (): void => {
    const bytes = Buffer.from(held)
    held = ''
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
  }
  return {
    write: (line) => {
      held += line
      if (held.length >= flushLength) guarded(flush)
    },
    close: () =>
      guarded(() => {
        flush()
        open = false
        closeSync(descriptor)
        renameSync(temporary, path)
      }),
    abort: () => {
      if (open) closeSync(descriptor)
      open = false
      rmSync(temporary, { force: true })
    },
  }
}
