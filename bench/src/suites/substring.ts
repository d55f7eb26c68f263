import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { duplicatedRanges } from '@qilin-med/chimed'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { benchFile, benchTexts, seconds } from './chimed/texts'

/** All ranges of 150 bytes that occur twice in 17.4 MB of Chinese UTF-8, from the bytes to the ranges, one thread: time and memory. */
export const suite: Suite = { name: 'substring', cases }

const bytes = 17_400_000
const length = 150

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const once = Buffer.from((await benchTexts(options.data)).join('\n'))
  const text = Buffer.concat(Array.from({ length: Math.ceil(bytes / once.length) }, () => once)).subarray(0, bytes)
  const file = await benchFile(options, 'text.bin', text)
  const peer = await options.startPeer('substring', [file])
  const size = `${(text.length / 1e6).toFixed(1)} MB`
  const peerName = 'deduplicate-text-datasets'
  return [
    {
      name: `ranges of ${length} bytes that occur twice, ${size} vs ${peerName}`,
      unit: 's',
      higherIsBetter: false,
      peerName,
      ours: () => seconds(() => duplicatedRanges(text, { length })),
      ...(peer && { peer: () => peer.measure('ranges', { length }), versions: peer.versions }),
    },
    {
      name: `peak memory of the process for that, ${size} vs ${peerName}`,
      unit: 'bytes/byte',
      higherIsBetter: false,
      peerName,
      ours: () => peakMemory(file),
      ...(peer && { peer: () => peer.measure('memory', { length }), versions: peer.versions }),
    },
  ]
}

/** Bytes of memory a byte of the file, of a fresh process that reads it and finds the ranges. */
async function peakMemory(file: string): Promise<number> {
  const script = join(import.meta.dirname, 'chimed/substring-memory.ts')
  const words = [...process.execArgv, script, file, String(length)]
  const { stdout } = await promisify(execFile)(process.execPath, words)
  return Number(stdout)
}
