import { createHash } from 'node:crypto'

/** A 128-bit digest of a text, as 22 base64 characters. */
export const digest = (text: string): string => createHash('sha256').update(text).digest('base64').slice(0, 22)

/** Index of the first equal text for each text; its own index where there is none before. */
export function exactDuplicates(texts: Iterable<string>): Int32Array {
  const first = new Map<string, number>()
  const roots: number[] = []
  let index = 0
  for (const text of texts) {
    const key = text.length <= 22 ? text : `#${digest(text)}`
    const found = first.get(key)
    if (found === undefined) first.set(key, index)
    roots.push(found ?? index)
    index++
  }
  return Int32Array.from(roots)
}
