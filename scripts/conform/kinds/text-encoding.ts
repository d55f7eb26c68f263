import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeGb18030, encodeGb18030, encodeGbk, Gb18030Error } from '@qilin-med/chimed'
import type { Case, Kind } from '../kind'

/** GB18030: bytes to text, text to bytes, GBK, and what is left of malformed bytes under each policy. */
export const kind: Kind = { prefix: 'text/encoding', discover: ({ golden }) => cases(golden) }

interface Malformed {
  readonly hex: string
  readonly strict: string | { readonly error: string; readonly start: number; readonly end: number }
  readonly replace: string
  readonly ignore: string
}

interface Golden {
  readonly rows: readonly {
    readonly text: string
    readonly gb18030: string
    readonly gbk: string | null
    readonly whatwg_decodes_differently?: boolean
  }[]
  readonly python_on_malformed: readonly Malformed[]
}

const path = 'text/encoding/gb18030'

function cases(golden: string): Case[] {
  const file = join(golden, `${path}.json`)
  if (!existsSync(file)) return []
  const { rows, python_on_malformed: malformed } = JSON.parse(readFileSync(file, 'utf8')) as Golden
  const check = (name: string, wrong: () => number, count: number): Case => ({
    path,
    name,
    run: () => ({ difference: wrong(), tolerance: 0, detail: `${count} rows` }),
  })
  const wrongRows = (isWrong: (row: Golden['rows'][number]) => boolean): number => rows.filter(isWrong).length
  return [
    check('decode', () => wrongRows(({ text, gb18030 }) => decodeGb18030(bytes(gb18030)) !== text), rows.length),
    check('encode', () => wrongRows(({ text, gb18030 }) => hex(encodeGb18030(text)) !== gb18030), rows.length),
    check('gbk', () => wrongRows(({ text, gbk }) => hexOrNull(encodeGbk(text)) !== gbk), rows.length),
    check(
      'TextDecoder differs only where marked',
      () =>
        wrongRows(
          ({ text, gb18030, whatwg_decodes_differently: differs }) =>
            !differs && new TextDecoder('gb18030', { ignoreBOM: true }).decode(bytes(gb18030)) !== text,
        ),
      rows.length,
    ),
    check('malformed', () => malformed.filter((row) => !agrees(row)).length, malformed.length),
  ]
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'hex')
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')
const hexOrNull = (data: Uint8Array | undefined): string | null => (data ? hex(data) : null)

function agrees(row: Malformed): boolean {
  const data = bytes(row.hex)
  const same = (['replace', 'ignore'] as const).every(
    (malformed) => decodeGb18030(data, { malformed }) === row[malformed],
  )
  return same && JSON.stringify(strictly(data)) === JSON.stringify(row.strict)
}

function strictly(data: Uint8Array): Malformed['strict'] {
  try {
    return decodeGb18030(data)
  } catch (error) {
    if (!(error instanceof Gb18030Error)) throw error
    return { error: error.reason, start: error.start, end: error.end }
  }
}
