/** The printable character that stands for each byte in byte-level vocabularies (GPT-2's table). */
export const byteCharacters: readonly string[] = byteTable()

/** Byte of each such character by its code, -1 for other codes. */
export const byteOfCode: Int16Array = invert(byteCharacters)

/** A text in the alphabet of a byte-level vocabulary. */
export const toByteCharacters = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) text += byteCharacters[byte]
  return text
}

/** Printable bytes stand for themselves, the others for the characters from U+0100 on. */
function byteTable(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
}

function invert(characters: readonly string[]): Int16Array {
  const bytes = new Int16Array(324).fill(-1)
  characters.forEach((character, byte) => {
    bytes[character.charCodeAt(0)] = byte
  })
  return bytes
}
