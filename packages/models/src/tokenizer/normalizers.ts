import { isJsonObject, type JsonObject } from '../json-file'
import { precompiledNormalizer } from './charsmap'
import { TokenizerError } from './errors'
import { escapeRegex, tokenizerRegex } from './regex'
import { prependTo, replaceIn, type Span, sliceSpan } from './span'
import { type UnicodeForm, unicodeForm } from './unicode-form'

/** Rewrites text before it is cut into words. `track` says whether places in the original are wanted. */
export type Normalizer = (span: Span, track: boolean) => Span

/**
 * The normaliser that `tokenizer.json` describes.
 *
 * @throws TokenizerError `unsupported-tokenizer` when it names a kind that is not known
 */
export const normalizerOf = (value: unknown): Normalizer => {
  if (value === null || value === undefined) return (span) => span
  if (!isJsonObject(value)) throw malformed(value)
  const kind = kinds[String(value.type)]
  if (kind === undefined) throw malformed(value)
  return kind(value)
}

const kinds: Readonly<Record<string, (fields: JsonObject) => Normalizer>> = {
  Sequence: ({ normalizers }) => inSequence((normalizers as unknown[]).map(normalizerOf)),
  NFC: () => form('NFC'),
  NFD: () => form('NFD'),
  NFKC: () => form('NFKC'),
  NFKD: () => form('NFKD'),
  Lowercase: () => lowercase,
  StripAccents: () => stripAccents,
  Strip: ({ strip_left, strip_right }) => strip(strip_left !== false, strip_right !== false),
  Prepend:
    ({ prepend }) =>
    (span, track) =>
      prependTo(span, String(prepend), track),
  Replace: ({ pattern, content }) => {
    const regex = patternRegex(pattern)
    return (span, track) => replaceIn(span, regex, String(content), track)
  },
  Nmt: () => nmt,
  BertNormalizer: bertNormalizer,
  ByteLevel: () => {
    throw new TokenizerError(
      'unsupported-tokenizer',
      'loadTokenizer: expected ByteLevel as the last pre-tokenizer, got it as a normalizer. Report the tokenizer.',
    )
  },
  Precompiled: ({ precompiled_charsmap }) => precompiledNormalizer(Buffer.from(String(precompiled_charsmap), 'base64')),
}

/** Regular expression (flags g, u) of a `{"String": ...}` or `{"Regex": ...}` pattern. */
export const patternRegex = (pattern: unknown): RegExp => {
  if (isJsonObject(pattern) && typeof pattern.String === 'string') return new RegExp(escapeRegex(pattern.String), 'gu')
  if (isJsonObject(pattern) && typeof pattern.Regex === 'string') return tokenizerRegex(pattern.Regex, 'g')
  throw malformed(pattern)
}

const inSequence =
  (steps: readonly Normalizer[]): Normalizer =>
  (span, track) =>
    steps.reduce((current, step) => step(current, track), span)

const form =
  (name: UnicodeForm): Normalizer =>
  (span, track) =>
    unicodeForm(span, name, track)

/** Character by character: a final sigma is not special. */
const lowercase: Normalizer = (span, track) =>
  replaceIn(span, /\p{Changes_When_Lowercased}/gu, (character) => character.toLowerCase(), track)

const stripAccents: Normalizer = (span, track) => replaceIn(span, /\p{Mn}/gu, '', track)

const strip =
  (left: boolean, right: boolean): Normalizer =>
  (span) => {
    const from = left ? /^\p{White_Space}*/u.exec(span.text)![0].length : 0
    const kept = right ? span.text.slice(from).replace(/\p{White_Space}+$/u, '').length : span.text.length - from
    return sliceSpan(span, from, from + kept)
  }

/** Normalisation of machine translation corpora (SentencePiece's `nmt`): control characters out, odd spaces to spaces. */
const nmt: Normalizer = (span, track) => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const kept = replaceIn(span, /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/gu, '', track)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: tab and line ends are among them
  const spaces = /[\u0009\u000a\u000c\u000d\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gu
  return replaceIn(kept, spaces, ' ', track)
}

function bertNormalizer({ clean_text, handle_chinese_chars, strip_accents, lowercase: lower }: JsonObject): Normalizer {
  const steps: Normalizer[] = []
  if (clean_text !== false) steps.push(cleanText)
  if (handle_chinese_chars !== false) steps.push(spaceIdeographs)
  if (strip_accents ?? lower !== false) steps.push(form('NFD'), stripAccents)
  if (lower !== false) steps.push(lowercase)
  return inSequence(steps)
}

const cleanText: Normalizer = (span, track) => {
  const kept = replaceIn(span, /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu, '', track)
  return replaceIn(kept, /\p{White_Space}/gu, ' ', track)
}

const ideographs =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu

const spaceIdeographs: Normalizer = (span, track) => replaceIn(span, ideographs, (character) => ` ${character} `, track)

const malformed = (value: unknown): TokenizerError =>
  new TokenizerError(
    'unsupported-tokenizer',
    `loadTokenizer: expected a normalizer among ${Object.keys(kinds).join(', ')}, got ${JSON.stringify(value)?.slice(0, 100)}. Report the tokenizer.`,
  )
