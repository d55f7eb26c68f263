import { excerpt, throwFault } from '../faults'
import type { Row } from '../types'
import { malformedMark } from './encoding'
import { encodingFault, type ReadOptions } from './jsonl'
import { openText } from './open'

/**
 * Lines of a text file without their line breaks; `\n`, `\r\n` and a lone `\r` end a line, as in Python's text mode. Lines that do
 * not decode, hold a NUL byte or are too long are reported.
 */
export async function* readLines(path: string, options: ReadOptions = {}): AsyncGenerator<Row<string>> {
  const { onFault = throwFault, label = path, maxRowBytes = 1 << 24 } = options
  let line = 0
  for await (const text of splitLines(openText(path, options), maxRowBytes)) {
    line++
    const fault = lineFault(text, maxRowBytes)
    if (fault) onFault({ ...fault, file: label, line, excerpt: excerpt(text) })
    else yield { value: text, file: label, line }
  }
}

/** Paragraphs of a text file: runs of lines between blank ones, joined by `\n`; `line` is the first line of each. */
export async function* readParagraphs(path: string, options: ReadOptions = {}): AsyncGenerator<Row<string>> {
  let held: string[] = []
  let first = 0
  const { label = path } = options
  for await (const { value, line } of readLines(path, options)) {
    if (value.trim() === '') {
      if (held.length > 0) yield { value: held.join('\n'), file: label, line: first }
      held = []
      continue
    }
    if (held.length === 0) first = line
    held.push(value)
  }
  if (held.length > 0) yield { value: held.join('\n'), file: label, line: first }
}

/** Samples of a `cpt.txt` as the `text` loader of the Qilin-Med scripts gives them: every line with its break, the last perhaps without. */
export function textLoaderRows(text: string): string[] {
  return text.replace(/\r\n?/g, '\n').match(/[^\n]*\n|[^\n]+$/g) ?? []
}

async function* splitLines(chunks: AsyncIterable<string>, maxChars: number): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop()!
    yield* lines
    if (rest.length > maxChars * 2) rest = rest.slice(0, maxChars + 1) // still too long, but no longer growing
  }
  if (rest.endsWith('\r')) rest = rest.slice(0, -1)
  if (rest !== '') yield rest
}

function lineFault(text: string, maxChars: number): { code: string; reason: string } | undefined {
  if (text.length > maxChars) return { code: 'row-too-long', reason: `line is longer than ${maxChars} characters` }
  if (text.includes(malformedMark)) return encodingFault
  if (text.includes('\0')) return { code: 'nul-byte', reason: 'a NUL byte' }
  return undefined
}
