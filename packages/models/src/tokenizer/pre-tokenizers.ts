import { isJsonObject, type JsonObject } from '../json-file'
import { TokenizerError } from './errors'
import { patternRegex } from './normalizers'
import { beginAt, prependTo, replaceIn, type Span, sliceSpan } from './span'

/** Cuts normalised text into the words that a model encodes one by one. */
export interface PreTokenizer {
  split(span: Span, track: boolean): Span[]
  /** The model works on the UTF-8 bytes of each word (byte-level BPE). */
  readonly byteLevel: boolean
}

type Splitter = (span: Span, track: boolean) => Span[]

/**
 * The pre-tokenizer that `tokenizer.json` describes.
 *
 * @throws TokenizerError `unsupported-tokenizer` when it names a kind that is not known, or ByteLevel before another step
 */
export const preTokenizerOf = (value: unknown): PreTokenizer => {
  const steps = flatten(value)
  const byteLevel = steps.at(-1)?.type === 'ByteLevel'
  if (steps.slice(0, -1).some(({ type }) => type === 'ByteLevel'))
    throw new TokenizerError(
      'unsupported-tokenizer',
      'loadTokenizer: expected ByteLevel as the last pre-tokenizer, got another one after it. Report the tokenizer.',
    )
  const splitters = steps.map(splitterOf)
  return {
    byteLevel,
    split: (span, track) =>
      splitters.reduce((spans, split) => spans.flatMap((part) => split(part, track)), span.text === '' ? [] : [span]),
  }
}

const flatten = (value: unknown): JsonObject[] => {
  if (value === null || value === undefined) return []
  if (!isJsonObject(value)) throw unknown(value)
  return value.type === 'Sequence' ? (value.pretokenizers as unknown[]).flatMap(flatten) : [value]
}

const splitterOf = (fields: JsonObject): Splitter => {
  const kind = kinds[String(fields.type)]
  if (kind === undefined) throw unknown(fields)
  return kind(fields)
}

const kinds: Readonly<Record<string, (fields: JsonObject) => Splitter>> = {
  ByteLevel: ({ add_prefix_space, use_regex }) => byteLevel(add_prefix_space === true, use_regex !== false),
  Split: ({ pattern, behavior, invert }) => splitBy(patternRegex(pattern), String(behavior), invert === true),
  Metaspace: metaspace,
  BertPreTokenizer: () => inTurn(splitBy(/\p{White_Space}/gu, 'Removed'), splitBy(punctuation, 'Isolated')),
  Whitespace: () => splitBy(/[\p{L}\p{M}\p{Nd}\p{Pc}]+|[^\p{L}\p{M}\p{Nd}\p{Pc}\p{White_Space}]+/gu, 'Removed', true),
  WhitespaceSplit: () => splitBy(/\p{White_Space}/gu, 'Removed'),
  Punctuation: ({ behavior }) => splitBy(punctuation, String(behavior ?? 'Isolated')),
  Digits: ({ individual_digits }) => splitBy(/\p{N}/gu, individual_digits === true ? 'Isolated' : 'Contiguous'),
  CharDelimiterSplit: ({ delimiter }) => splitBy(patternRegex({ String: delimiter }), 'Removed'),
}

const punctuation = /[!-/:-@[-`{-~]|\p{P}/gu

/** GPT-2's words. */
const words =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

const byteLevel = (prefixSpace: boolean, useRegex: boolean): Splitter => {
  const split: Splitter = useRegex ? splitBy(words, 'Isolated') : (span) => [span]
  return (span, track) => split(prefixSpace && !span.text.startsWith(' ') ? prependTo(span, ' ', track) : span, track)
}

function metaspace({ replacement: mark, prepend_scheme, add_prefix_space, split }: JsonObject): Splitter {
  const replacement = String(mark ?? '▁')
  const scheme = prepend_scheme ?? (add_prefix_space === false ? 'never' : 'always')
  const cut =
    split === false ? (span: Span) => [span] : splitBy(patternRegex({ String: replacement }), 'MergedWithNext')
  return (span, track) => {
    const marked = replaceIn(span, / /g, replacement, track)
    const wanted = scheme === 'always' || (scheme === 'first' && beginAt(span, 0) === 0)
    return cut(wanted && !marked.text.startsWith(replacement) ? prependTo(marked, replacement, track) : marked, track)
  }
}

const inTurn =
  (first: Splitter, second: Splitter): Splitter =>
  (span, track) =>
    first(span, track).flatMap((part) => second(part, track))

/** How the matches of a pattern and the text between them become words. */
const splitBy = (pattern: RegExp, behavior: string, invert = false): Splitter => {
  const join =
    joins[
      behavior
        .replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
        .replace(/^\w/, (letter) => letter.toUpperCase())
    ]
  if (join === undefined) throw unknown({ behavior })
  const sticky = new RegExp(pattern.source, 'uy')
  return (span) =>
    join(runs(span.text, sticky, pattern, invert)).map(([from, to]) =>
      to - from === span.text.length ? span : sliceSpan(span, from, to),
    )
}

/** A stretch of text: from, to, and whether it is a delimiter. */
type Run = readonly [from: number, to: number, delimiter: boolean]

/** Matches and gaps in order. Where a pattern covers the whole text, each match is found by one test without a search. */
const runs = (text: string, sticky: RegExp, search: RegExp, invert: boolean): Run[] => {
  const found: Run[] = []
  for (let from = 0; from < text.length; ) {
    sticky.lastIndex = from
    if (sticky.test(text) && sticky.lastIndex > from) {
      found.push([from, sticky.lastIndex, !invert])
      from = sticky.lastIndex
      continue
    }
    const gap = nextMatch(text, search, from)
    found.push([from, gap, invert])
    from = gap
  }
  return found
}

/** Start of the next match that is not empty, or the end of the text. */
const nextMatch = (text: string, search: RegExp, from: number): number => {
  search.lastIndex = from
  for (let match = search.exec(text); match !== null; match = search.exec(text)) {
    if (match[0] !== '' && match.index > from) return match.index
    if (match[0] === '') search.lastIndex++
  }
  return text.length
}

const joins: Readonly<Record<string, (found: readonly Run[]) => (readonly [number, number, ...unknown[]])[]>> = {
  Removed: (found) => found.filter(([, , delimiter]) => !delimiter),
  Isolated: (found) => [...found],
  MergedWithPrevious: (found) => merge(found, (previous, current) => current[2] && !previous[2]),
  MergedWithNext: (found) => merge(found, (previous, current) => previous[2] && !current[2]),
  Contiguous: (found) => merge(found, (previous, current) => previous[2] === current[2]),
}

/** Joins neighbours where `together` says so; a joined run counts as the later kind. */
const merge = (found: readonly Run[], together: (previous: Run, current: Run) => boolean): Run[] => {
  const merged: Run[] = []
  for (const run of found) {
    const previous = merged.at(-1)
    if (previous !== undefined && together(previous, run)) merged[merged.length - 1] = [previous[0], run[1], run[2]]
    else merged.push(run)
  }
  return merged
}

const unknown = (value: unknown): TokenizerError =>
  new TokenizerError(
    'unsupported-tokenizer',
    `loadTokenizer: expected a pre-tokenizer among ${Object.keys(kinds).join(', ')}, got ${JSON.stringify(value)?.slice(0, 100)}. Report the tokenizer.`,
  )
