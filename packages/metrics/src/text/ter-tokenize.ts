import { splitWhitespace, stripEnd } from './whitespace'

/** How text is prepared for TER; the names are sacrebleu's, with all switches off by default. */
export interface TerTokenOptions {
  /** Split off Western punctuation. */
  readonly normalized?: boolean
  /** Drop punctuation. */
  readonly noPunctuation?: boolean
  /** With `normalized`, split ideographs apart; with `noPunctuation`, drop Asian punctuation too. */
  readonly asianSupport?: boolean
  readonly caseSensitive?: boolean
}

/** The tokens of a text as Tercom's normaliser, in sacrebleu's version, gives them. */
export function terTokens(text: string, options: TerTokenOptions): string[] {
  const { normalized = false, noPunctuation = false, asianSupport = false, caseSensitive = false } = options
  let line = stripEnd(text)
  if (line === '') return []
  if (!caseSensitive) line = line.toLowerCase()
  if (normalized) {
    line = normalizeWestern(line)
    if (asianSupport) line = splitAsian(line)
  }
  if (noPunctuation) {
    line = line.replace(/[.,?:;!"()]/g, '')
    if (asianSupport) line = line.replace(asianPunctuation, '').replace(fullWidthPunctuation, '')
  }
  return splitWhitespace(line)
}

const asianPunctuation = /[\u3001\u3002\u3008-\u3011\u3014-\u301f\uff61-\uff65\u30fb]/g
const fullWidthPunctuation = /[\uff0e\uff0c\uff1f\uff1a\uff1b\uff01\uff02\uff08\uff09]/g

function normalizeWestern(text: string): string {
  const line = text
    .replaceAll('\n-', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
  return ` ${line} `
    .replace(/[{-~[-` -&(-+:-@/]/g, ' $& ')
    .replaceAll("'s ", " 's ")
    .replace(/([^0-9])([.,])/g, '$1 $2 ')
    .replace(/([.,])([^0-9])/g, ' $1 $2')
    .replace(/([0-9])-/g, '$1 - ')
}

/**
 * Ideographs and Asian punctuation set apart. The rules for kana in sacrebleu apply only at the very start of a line, where the step
 * before has put a space, so they never apply; U+3200..U+3F22 is its range for enclosed letters.
 */
function splitAsian(line: string): string {
  return line
    .replace(/[\u4e00-\u9fff\u3400-\u4dbf]/g, ' $& ')
    .replace(/[\u31c0-\u31ef\u2e80-\u2eff]/g, ' $& ')
    .replace(/[\u3300-\u33ff\uf900-\ufaff\ufe30-\ufe4f]/g, ' $& ')
    .replace(/[\u3200-\u3f22]/g, ' $& ')
    .replace(asianPunctuation, ' $& ')
    .replace(fullWidthPunctuation, ' $& ')
}
