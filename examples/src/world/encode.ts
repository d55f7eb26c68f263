/** The bytes of a text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The bytes of a text in UTF-8 with a byte order mark before it, as the CMExam files have it. */
export function utf8Bom(text: string): Uint8Array {
  return utf8(`\uFEFF${text}`)
}

/**
 * An encoder for the two-byte part of GB18030, made by inverting the platform's decoder.
 *
 * @throws RangeError for a character that needs four bytes; the mini world has none
 */
export function gb18030Encoder(): (text: string) => Uint8Array {
  const codes = twoByteCodes()
  return (text) => {
    const bytes: number[] = []
    for (const char of text) {
      const code = char.charCodeAt(0) < 0x80 ? char.charCodeAt(0) : codes.get(char)
      if (code === undefined)
        throw new RangeError(
          `gb18030: expected a character with a two-byte code, got '${char}'. Use another character.`,
        )
      bytes.push(...(code > 0xff ? [code >> 8, code & 0xff] : [code]))
    }
    return Uint8Array.from(bytes)
  }
}

function twoByteCodes(): Map<string, number> {
  const decoder = new TextDecoder('gb18030')
  const codes = new Map<string, number>()
  for (let lead = 0x81; lead <= 0xfe; lead++)
    for (let trail = 0x40; trail <= 0xfe; trail++) {
      const text = decoder.decode(Uint8Array.of(lead, trail))
      if ([...text].length === 1 && text !== '\uFFFD' && !codes.has(text)) codes.set(text, (lead << 8) | trail)
    }
  return codes
}

/** One JSON object a line. */
export function jsonLines(rows: readonly unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

/** A CSV table: cells with commas, quotes or line breaks are quoted, quotes doubled. */
export function csv(rows: readonly (readonly string[])[], lineEnd = '\n'): string {
  const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return rows.map((row) => row.map(cell).join(',') + lineEnd).join('')
}
