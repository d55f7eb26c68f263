import { isJsonObject, type JsonObject } from '../json-file'
import { byteOfCode } from './byte-level'
import { TokenizerError } from './errors'
import { patternRegex } from './normalizers'

/** One step from token texts to text. */
type DecodeStep = (tokens: readonly string[]) => readonly string[]

/** Text of token texts. */
export type Decoder = (tokens: readonly string[]) => string

/**
 * The decoder that `tokenizer.json` describes; tokens are joined by spaces where it describes none.
 *
 * @throws TokenizerError `unsupported-tokenizer` when it names a kind that is not known
 */
export const decoderOf = (value: unknown): Decoder => {
  if (value === null || value === undefined) return (tokens) => tokens.join(' ')
  const step = stepOf(value)
  return (tokens) => step(tokens).join('')
}

const stepOf = (value: unknown): DecodeStep => {
  const kind = isJsonObject(value) ? kinds[String(value.type)] : undefined
  if (kind !== undefined) return kind(value as JsonObject)
  throw new TokenizerError(
    'unsupported-tokenizer',
    `loadTokenizer: expected a decoder among ${Object.keys(kinds).join(', ')}, got ${JSON.stringify(value)?.slice(0, 100)}. Report the tokenizer.`,
  )
}

const kinds: Readonly<Record<string, (fields: JsonObject) => DecodeStep>> = {
  Sequence: ({ decoders }) => {
    const steps = (decoders as unknown[]).map(stepOf)
    return (tokens) => steps.reduce((current, step) => step(current), tokens)
  },
  ByteLevel: () => (tokens) => [byteLevelText(tokens)],
  ByteFallback: () => joinByteTokens,
  Fuse: () => (tokens) => [tokens.join('')],
  Replace: ({ pattern, content }) => {
    const regex = patternRegex(pattern)
    return (tokens) => tokens.map((token) => token.replace(regex, () => String(content)))
  },
  Strip:
    ({ content, start, stop }) =>
    (tokens) =>
      tokens.map((token) => stripCharacter(token, String(content), Number(start), Number(stop))),
  Metaspace: ({ replacement, prepend_scheme, add_prefix_space }) => {
    const mark = patternRegex({ String: String(replacement ?? '▁') })
    const prepended = (prepend_scheme ?? (add_prefix_space === false ? 'never' : 'always')) !== 'never'
    return (tokens) => tokens.map((token, i) => token.replace(mark, i === 0 && prepended ? '' : ' '))
  },
  WordPiece:
    ({ prefix, cleanup }) =>
    (tokens) =>
      tokens.map((token, i) => {
        const spaced =
          i === 0 ? token : token.startsWith(String(prefix)) ? token.slice(String(prefix).length) : ` ${token}`
        return cleanup === false ? spaced : cleanUp(spaced)
      }),
  BPEDecoder:
    ({ suffix }) =>
    (tokens) =>
      tokens.map((token, i) => token.replaceAll(String(suffix ?? '</w>'), i === tokens.length - 1 ? '' : ' ')),
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Text of tokens in GPT-2's byte alphabet; a token outside the alphabet stands for itself. */
const byteLevelText = (tokens: readonly string[]): string => {
  const bytes: number[] = []
  for (const token of tokens) {
    const before = bytes.length
    for (let i = 0; i < token.length; i++) {
      const byte = byteOfCode[token.charCodeAt(i)] ?? -1
      if (byte < 0) {
        bytes.length = before
        bytes.push(...new TextEncoder().encode(token))
        break
      }
      bytes.push(byte)
    }
  }
  return utf8.decode(Uint8Array.from(bytes))
}

/** Runs of byte tokens become the characters they spell; a run that is no UTF-8 becomes U+FFFD a byte. */
const joinByteTokens: DecodeStep = (tokens) => {
  const out: string[] = []
  let run: number[] = []
  const flush = (): void => {
    if (run.length > 0) out.push(spell(run))
    run = []
  }
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)
    if (byte !== null) run.push(Number.parseInt(byte[1]!, 16))
    else {
      flush()
      out.push(token)
    }
  }
  flush()
  return out
}

const spell = (bytes: readonly number[]): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
  } catch {
    return '\ufffd'.repeat(bytes.length)
  }
}

const stripCharacter = (token: string, character: string, start: number, stop: number): string => {
  let from = 0
  let to = token.length
  while (from < start && token[from] === character) from++
  while (token.length - to < stop && to > from && token[to - 1] === character) to--
  return token.slice(from, to)
}

/** BERT's way to glue English punctuation and contractions. */
const cleanUp = (text: string): string =>
  [
    [' .', '.'],
    [' ?', '?'],
    [' !', '!'],
    [' ,', ','],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [' do not', " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ].reduce((current, [from, to]) => current.replaceAll(from!, to!), text)
