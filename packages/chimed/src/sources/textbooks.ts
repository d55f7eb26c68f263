import type { ReadOptions } from '../read/jsonl'
import { readLines } from '../read/text'
import type { CptText, Row } from '../types'
import { defineSource, drop, type Source, type SourceOptions } from './source'

/** Options of `medqaTextbooks`. */
export interface TextbookOptions extends SourceOptions {
  /** Lines are gathered into texts of about this many characters, as the 8,000 samples of the paper are (default 2000; 0: a text a line). */
  readonly gather?: number | undefined
}

/**
 * Plain textbooks as pre-training texts. Books tagged with `<篇名>` (as the TCM-Ancient-Books collection) become one text a section, with
 * lines that were wrapped inside a sentence joined again; other books are gathered line by line.
 */
export function medqaTextbooks(path: string, { gather = 2000, ...options }: TextbookOptions = {}): Source<CptText> {
  return defineSource<string, CptText>(
    {
      name: 'MedQA-textbooks',
      path,
      pattern: /\.txt$/i,
      texts: true,
      options: { gather },
      rows: (file, read) => passages(file, gather, read),
      convert: ({ value }) => (value === '' ? drop('empty', 'a section without text') : { record: { text: value } }),
    },
    options,
  )
}

async function* passages(path: string, gather: number, read: ReadOptions): AsyncGenerator<Row<string>> {
  const { label = path } = read
  let held: string[] = []
  let size = 0
  let first = 1
  let book = ''
  let tagged = false
  let before = '' // the sections of a tagged book are closed by the next tag
  const close = (): Row<string> | undefined => {
    const lines = held
    held = []
    size = 0
    if (lines.length === 0 && !tagged) return undefined
    const body = tagged ? joinWrapped(lines) : lines.join('\n')
    return { value: tagged && body !== '' ? [before, body].filter(Boolean).join('\n') : body, file: label, line: first }
  }
  for await (const { value, line } of readLines(path, read)) {
    const text = value.trim()
    const section = /^<篇名>(.*)$/.exec(text)
    if (section) {
      const done = tagged || held.length > 0 ? close() : undefined
      if (done && (done.value !== '' || tagged)) yield done
      tagged = true
      first = line
      before = [book, section[1]!.trim()]
        .filter((part, index, parts) => part !== '' && parts.indexOf(part) === index)
        .join(' ')
      continue
    }
    const title = /^书名：(.*)$/.exec(text)
    if (title) book = title[1]!.trim()
    if (text === '' || text.startsWith('<目录>') || (tagged && /^(书名|作者|朝代|年份)：/.test(text))) continue
    if (held.length === 0 && !tagged) first = line
    held.push(text.replace(/^属性：/, ''))
    size += text.length
    if (!tagged && size >= gather) yield close()!
  }
  const last = close()
  if (last && (last.value !== '' || tagged)) yield last
}

/** Lines of a paragraph that was wrapped at a fixed width: a break stays only where a sentence ends. */
export function joinWrapped(lines: readonly string[]): string {
  let joined = ''
  for (const line of lines)
    joined += joined === '' || /[。！？；：…”」』）]$/.test(joined) ? `${joined === '' ? '' : '\n'}${line}` : line
  return joined
}
