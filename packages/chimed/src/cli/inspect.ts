import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { ChimedError } from '../errors'
import { excerpt } from '../faults'
import { detectEncoding } from '../read/encoding'
import { formatOf, readRows } from '../read/rows'
import { openTokenShard } from '../read/token-shard'
import { tokenShardMagic } from '../write/token-shard'
import type { CommandSurroundings } from './command'

/** `chimed inspect`. */
export async function inspectCommand(
  path: string,
  { rows }: { readonly rows: number },
  { print }: Pick<CommandSurroundings, 'print'>,
): Promise<void> {
  const head = firstBytes(path)
  print(`${path}: ${statSync(path).size} bytes\n`)
  if (head.toString('latin1', 0, tokenShardMagic.length) === tokenShardMagic) return inspectShard(path, rows, print)
  const packed = head[0] === 0x1f && head[1] === 0x8b ? 'gzip, ' : head.readUInt32BE(0) === 0x28b52ffd ? 'zstd, ' : ''
  const format = formatOf(path)
  const encoding = packed || format === 'parquet' || format === 'xlsx' ? '' : `, ${detectEncoding(head).encoding}`
  print(`${packed}${format}${encoding}\n`)
  let shown = 0
  let faults = 0
  for await (const { value, line } of readRows(path, { onFault: () => faults++ })) {
    if (shown++ >= rows) break
    print(`${line}: ${excerpt(typeof value === 'string' ? value : JSON.stringify(value), 400)}\n`)
  }
  if (faults > 0) print(`${faults} rows before that could not be read\n`)
}

function inspectShard(path: string, rows: number, print: (text: string) => void): void {
  const shard = openTokenShard(path)
  try {
    const { kind, type, tokens } = shard.header
    print(`token shard: ${kind} rows, ${shard.length} of them, ${tokens} tokens, ${type}\n`)
    for (let row = 0; row < Math.min(rows, shard.length); row++) {
      const found = shard.at(row)!
      const lists = 'inputIds' in found ? { ids: found.inputIds, seqLengths: found.seqLengths } : { ...found }
      const parts = Object.entries(lists).flatMap(([name, list]) =>
        list === undefined
          ? []
          : [`${name} [${list.length}] ${Array.from(list.slice(0, 16)).join(' ')}${list.length > 16 ? ' …' : ''}`],
      )
      print(`${row}: ${parts.join('; ')}\n`)
    }
  } finally {
    shard.close()
  }
}

function firstBytes(path: string): Buffer {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new ChimedError('file-missing', `chimed: expected a file, got nothing readable at ${path}. Check the path.`, {
      path,
      cause,
    })
  }
  try {
    const bytes = Buffer.alloc(1 << 16)
    return bytes.subarray(0, Math.max(8, readSync(file, bytes)))
  } finally {
    closeSync(file)
  }
}
