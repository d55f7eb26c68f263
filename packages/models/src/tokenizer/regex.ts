import { TokenizerError } from './errors'

/** What `\s`, `\d`, `\w` and their complements mean in the regular expressions of tokenizer files (Oniguruma, Unicode). */
const classes: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  d: '\\p{Nd}',
  w: '\\p{L}\\p{M}\\p{Nd}\\p{Pc}',
  h: '0-9A-Fa-f',
}
const negated: Readonly<Record<string, string>> = { S: '\\P{White_Space}', D: '\\P{Nd}' }

/** Anchors stand at every line, as in Ruby. */
const lineAnchors: Readonly<Record<string, string>> = { '^': '(?:^|(?<=\\n))', $: '(?:$|(?=\\n))' }

/** Letters of Unicode case folding that `toUpperCase` and `toLowerCase` of ASCII letters miss. */
const foldedTo: Readonly<Record<string, string>> = { s: '\u017f', k: '\u212a' }

/**
 * Source of a JavaScript regular expression (flag u) that means what `pattern` means to the reference library, whose
 * syntax is Oniguruma's: Unicode `\s \d \w`, groups with `(?i:...)`, script names as properties, loose escapes.
 *
 * @throws TokenizerError `unsupported-tokenizer` for syntax that has no equivalent (possessive quantifiers, atomic groups)
 */
export const translateRegex = (pattern: string): string => {
  let out = ''
  let inClass = 0
  const ignoringCase: boolean[] = [] // one entry per open group
  for (let i = 0; i < pattern.length; ) {
    const ignoreCase = ignoringCase.at(-1) ?? false
    const character = String.fromCodePoint(pattern.codePointAt(i)!)
    if (character === '\\') {
      const [translated, length] = translateEscape(pattern, i, inClass > 0)
      out += translated
      i += length
      continue
    }
    const group = inClass === 0 && character === '(' ? groupStart(pattern, i) : undefined
    if (group !== undefined) {
      ignoringCase.push(group.ignoreCase ?? ignoreCase)
      out += group.open
      i += group.length
      continue
    }
    if (character === '[') inClass++
    else if (character === ']' && inClass > 0) inClass--
    else if (character === ')' && inClass === 0) ignoringCase.pop()
    if (inClass === 0 && character === '+' && /[+*?}]$/.test(unescapedTail(out)))
      unsupported(pattern, 'a possessive quantifier')
    if (inClass > 1 && character === '[') unsupported(pattern, 'a class inside a class')
    const anchor = inClass === 0 ? lineAnchors[character] : undefined
    out += anchor ?? (ignoreCase ? bothCases(character, inClass > 0) : character)
    i += character.length
  }
  return check(out, pattern)
}

/** Regular expression with the given flags (u is added) for a tokenizer file's pattern. */
export const tokenizerRegex = (pattern: string, flags: string): RegExp =>
  new RegExp(translateRegex(pattern), `${flags}u`)

/** Regular expression source that matches `text` itself. */
export const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

const translateEscape = (pattern: string, index: number, inClass: boolean): [string, number] => {
  const next = pattern[index + 1] ?? ''
  if (classes[next] !== undefined) return [inClass ? classes[next] : `[${classes[next]}]`, 2]
  if (negated[next] !== undefined) return [negated[next], 2]
  if (next === 'W' || next === 'H') {
    if (inClass) unsupported(pattern, `\\${next} inside a class`)
    return [`[^${classes[next.toLowerCase()]}]`, 2]
  }
  if (next === 'p' || next === 'P') return translateProperty(pattern, index)
  if (next === 'x') return translateHex(pattern, index)
  if (next === 'A') return ['^', 2]
  if (next === 'z') return ['$', 2]
  if (next === 'Z') return ['(?=\\n?$)', 2]
  if (/[nrtfvbBu0-9k^$\\.*+?()[\]{}|/]/.test(next)) return [`\\${next}`, 2]
  if (/[A-Za-z]/.test(next)) return unsupported(pattern, `\\${next}`)
  return [next === '-' && inClass ? '\\-' : next, 2] // an escape that JavaScript refuses and nobody needs
}

/** `\p{Han}` and `\p{^L}` in JavaScript's spelling. */
const translateProperty = (pattern: string, index: number): [string, number] => {
  const match = /^\\([pP])(?:\{(\^?)([^}]*)\}|([A-Z]))/.exec(pattern.slice(index))
  if (match === null) return unsupported(pattern, '\\p without a name')
  const [all, letter, caret, long, short] = match
  const name = (long ?? short ?? '').replace(/^Is/, '')
  const sign = (letter === 'P') !== (caret === '^') ? 'P' : 'p'
  const spellings = [name, `Script=${name}`]
  const valid = spellings.find((spelling) => isValid(`\\p{${spelling}}`))
  return valid === undefined ? unsupported(pattern, `\\p{${name}}`) : [`\\${sign}{${valid}}`, all.length]
}

const translateHex = (pattern: string, index: number): [string, number] => {
  const match = /^\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{1,2}))/.exec(pattern.slice(index))
  if (match === null) return unsupported(pattern, '\\x without digits')
  return [`\\u{${match[1] ?? match[2]}}`, match[0].length]
}

const groupStart = (pattern: string, index: number) => {
  const match = /^\(\?(i?)(-i)?:/.exec(pattern.slice(index))
  if (match !== null) {
    const [all, on, off] = match
    return { open: '(?:', length: all.length, ignoreCase: on === 'i' ? true : off !== undefined ? false : undefined }
  }
  if (/^\(\?(?:>|[a-z]*\))/.test(pattern.slice(index))) unsupported(pattern, 'an atomic group or inline flag')
  const open = /^\((?:\?(?:[=!]|<[=!]|<\w+>))?/.exec(pattern.slice(index))![0]
  return { open, length: open.length, ignoreCase: undefined }
}

const bothCases = (character: string, inClass: boolean): string => {
  const forms = new Set([
    character,
    character.toLowerCase(),
    character.toUpperCase(),
    foldedTo[character.toLowerCase()] ?? character,
  ])
  if (forms.size === 1) return character
  const all = [...forms].join('')
  return inClass ? all : `[${all}]`
}

/** End of the source without escaped characters, so that `\++` is not taken for a possessive quantifier. */
const unescapedTail = (source: string): string => source.replace(/\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|.)/g, 'x').slice(-1)

const check = (source: string, pattern: string): string =>
  isValid(source) ? source : unsupported(pattern, 'syntax that JavaScript lacks')

const isValid = (source: string): boolean => {
  try {
    new RegExp(source, 'u')
    return true
  } catch {
    return false
  }
}

const unsupported = (pattern: string, what: string): never => {
  throw new TokenizerError(
    'unsupported-tokenizer',
    `loadTokenizer: expected a regular expression with a JavaScript equivalent, got ${what} in ${JSON.stringify(pattern)}. Report the tokenizer.`,
  )
}
