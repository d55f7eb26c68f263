import { ChimedError } from '../errors'

/** Options of `normaliseText`. */
export interface NormaliseOptions {
  /** Unicode form (default NFC; NFKC also folds ℃, ① and the like, which a reader may miss). */
  readonly form?: 'NFC' | 'NFKC' | undefined
  /** Full-width letters, digits and spaces to half width (default true); Chinese punctuation stays. */
  readonly halfWidth?: boolean | undefined
  /** Removes the crawler's leftovers: `[详细]`, `展开全部`, HTML entities and tags (default true). */
  readonly boilerplate?: boolean | undefined
  /** Removes blanks around line breaks (default true; the step leaves them in conversations, whose templates may have them). */
  readonly trimLines?: boolean | undefined
}

/** Control and format characters; a zero-width joiner may hold an emoji together. */
const controls = /(?![\n\t\u200d])[\p{Cc}\p{Cf}]/gu
const fullWidth = /[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]/g
/**
 * Anything beyond printable ASCII, line breaks, tabs, common Chinese characters and a few marks that every Unicode form leaves alone. Most texts
 * have none, and one look is cheaper than six.
 */
const unusual = /[^\n\t -~\u4e00-\u9fff、。《》【】“”‘’—]/
/** What every leftover of a crawler has one of. */
const leftovers = /[[<&]|查看更多|展开全部|收起全部/
const boilerplateTails = /\s*(?:\[详细\]|\[查看详情\]|查看更多>>?|展开全部|收起全部)/g
const tags = /<\/?(?:p|br|div|span|a|b|i|strong|em|font|table|tr|td|img|ul|li|h[1-6])(?:\s[^<>]{0,200})?\/?>/gi
const entities: Readonly<Record<string, string>> = {
  '&nbsp;': ' ',
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&#39;': "'",
  '&ldquo;': '“',
  '&rdquo;': '”',
}

/**
 * Text in one spelling: Unicode form, no control or invisible characters, one kind of line break, no runs of blanks, trimmed lines.
 * Without `boilerplate`, applying it twice changes nothing more.
 */
export function normaliseText(
  text: string,
  { form = 'NFC', halfWidth = true, boilerplate = true, trimLines = true }: NormaliseOptions = {},
): string {
  let clean = unusual.test(text) ? oneSpelling(text, form, halfWidth) : text
  if (boilerplate && leftovers.test(clean)) {
    clean = clean
      .replace(boilerplateTails, '')
      .replace(tags, ' ')
      .replace(/&(?:nbsp|lt|gt|amp|quot|#39|ldquo|rdquo);/g, (entity) => entities[entity]!)
  }
  clean = clean.replace(/[^\S\n]{2,}|[^\S\n ]/g, ' ')
  if (trimLines) clean = clean.replace(/ ?\n ?/g, '\n')
  return clean.replace(/\n{3,}/g, '\n\n').trim()
}

/** Spelling and invisible characters; what is left to do for a text that has other characters than the usual ones. */
function oneSpelling(text: string, form: 'NFC' | 'NFKC', halfWidth: boolean): string {
  const narrow = halfWidth
    ? text.replace(fullWidth, (character) => String.fromCharCode(character.charCodeAt(0) - 0xfee0))
    : text
  return narrow
    .normalize(form)
    .replace(/\r\n?|\u2028|\u2029|\u0085/g, '\n')
    .replace(controls, '')
}

/** Letters, digits and Chinese characters of a text in lower case and NFKC, nothing else: how texts are compared across layouts. */
export const skeleton = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '')

/** Which Chinese characters a text is brought to. */
export type Script = 'simplified' | 'traditional'

/** A function that converts between traditional and simplified characters. Loads its dictionary once, here. */
export async function scriptConverter(to: Script): Promise<(text: string) => string> {
  const opencc = await import('opencc-js').catch((cause: unknown) => {
    throw new ChimedError(
      'dependency',
      'scriptConverter: expected the package opencc-js, got none installed. Run npm install opencc-js.',
      { cause },
    )
  })
  return opencc.Converter(to === 'simplified' ? { from: 't', to: 'cn' } : { from: 'cn', to: 't' })
}
