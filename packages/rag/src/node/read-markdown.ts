import type { DocumentInput } from '../documents/document'
import { oneOf } from '../errors'
import { decodedLines } from './decode-text'
import { type DocumentFiles, documentFiles } from './faults'
import { documentAt, eachFile, type ReadOptions } from './read-text'

/** Options of `readMarkdown`. */
export interface ReadMarkdownOptions extends ReadOptions {
  /** What one document is: a heading with the text up to the next one, or a whole file. */
  readonly unit?: 'section' | 'file'
}

/**
 * The sections of the Markdown files that `patterns` name, as they are written; front matter is left out. The headings
 * above a section, its own last, are in `metadata.headings`. A `#` inside a code block is no heading.
 *
 * @throws as `readText`
 */
export function readMarkdown(
  patterns: string | readonly string[],
  { unit = 'section', encoding = 'auto', onFault = 'throw', ...origin }: ReadMarkdownOptions = {},
): DocumentFiles {
  const operation = 'readMarkdown'
  oneOf(operation, 'unit', unit, ['section', 'file'])
  return documentFiles(operation, onFault, (complain, fileRead) =>
    eachFile(operation, patterns, complain, fileRead, async function* (path) {
      let any = false
      for await (const section of sections(decodedLines(operation, path, encoding), unit === 'section')) {
        if (!/\S/.test(section.lines.join(''))) continue
        any = true
        yield sectionDocument(path, unit === 'file' ? undefined : section.line, section, origin)
      }
      if (!any) complain({ code: 'file', reason: 'an empty file', path })
    }),
  )
}

function sectionDocument(path: string, line: number | undefined, section: Section, origin: ReadOptions): DocumentInput {
  const document = documentAt(path, line, section.lines.join('\n').trim(), origin)
  return { ...document, metadata: { ...document.metadata, headings: section.headings } }
}

interface Section {
  readonly line: number
  readonly headings: readonly string[]
  readonly lines: readonly string[]
}

async function* sections(
  lines: AsyncIterable<{ readonly line: number; readonly text: string }>,
  cut: boolean,
): AsyncGenerator<Section> {
  let section = { line: 1, headings: [] as string[], lines: [] as string[] }
  let levels: { depth: number; title: string }[] = []
  let fence: string | undefined
  let frontMatter = false
  for await (const { line, text } of lines) {
    if (line === 1 && text.trimEnd() === '---') frontMatter = true
    else if (frontMatter) frontMatter = text.trimEnd() !== '---'
    else {
      const mark = /^ {0,3}(`{3,}|~{3,})/.exec(text)?.[1]
      if (mark !== undefined) fence = fence === undefined ? mark : mark.startsWith(fence) ? undefined : fence
      const heading = fence === undefined && cut ? /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?[ \t]*#*[ \t]*$/.exec(text) : null
      if (heading !== null) {
        yield section
        const depth = heading[1]!.length
        levels = [...levels.filter((level) => level.depth < depth), { depth, title: heading[2] ?? '' }]
        section = { line, headings: levels.map(({ title }) => title), lines: [] }
      }
      section.lines.push(text)
    }
  }
  yield section
}
