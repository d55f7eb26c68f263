/**
 * First key that occurs twice in one object of a valid JSON text, at any depth; undefined when there is none.
 * `JSON.parse` keeps the last of them without a word.
 */
export const duplicateKey = (json: string): string | undefined => {
  const objects: (Set<string> | undefined)[] = [] // undefined for an array
  for (let i = 0; i < json.length; i++) {
    const character = json[i]
    if (character === '{') objects.push(new Set())
    else if (character === '[') objects.push(undefined)
    else if (character === '}' || character === ']') objects.pop()
    else if (character === '"') {
      const end = endOfString(json, i)
      const keys = objects.at(-1)
      if (keys !== undefined && isKey(json, end)) {
        const key = JSON.parse(json.slice(i, end)) as string
        if (keys.has(key)) return key
        keys.add(key)
      }
      i = end - 1
    }
  }
  return undefined
}

/** Index after the closing quote of the string that opens at `start`. */
const endOfString = (json: string, start: number): number => {
  let i = start + 1
  while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1
  return i + 1
}

const isKey = (json: string, end: number): boolean => {
  let i = end
  while (json[i] === ' ' || json[i] === '\n' || json[i] === '\t' || json[i] === '\r') i++
  return json[i] === ':'
}
