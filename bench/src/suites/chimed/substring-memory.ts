/** Prints the peak memory of finding duplicated ranges of a file, in bytes a byte of it: `substring-memory.ts FILE LENGTH`. */
import { readFileSync } from 'node:fs'
import { duplicatedRanges } from '@qilin-med/chimed'

const [file = '', length] = process.argv.slice(2)
const text = readFileSync(file)
duplicatedRanges(text, { length: Number(length) })
console.log((process.resourceUsage().maxRSS * 1024) / text.length)
