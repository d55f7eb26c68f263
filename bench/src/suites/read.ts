import { statSync } from 'node:fs'
import { encodeGb18030, readCsv, readJsonl, scanJsonlField } from '@qilin-med/chimed'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { benchFile, benchTexts, seconds } from './chimed/texts'

/** Reading: one field of JSONL, whole rows of JSONL, a GB18030 CSV. The files are in the page cache. */
export const suite: Suite = { name: 'read', cases }

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const texts = await benchTexts(options.data)
  const rows = texts.map((text, id) => JSON.stringify({ id, instruction: text.slice(0, 60), input: '', output: text }))
  const cells = texts.map((text) =>
    ['科室', text.slice(0, 20), text.slice(20, 120), text]
      .map((cell) => `"${cell.replaceAll('"', '""').replaceAll(/[\ud800-\udfff]/g, '')}"`)
      .join(','),
  )
  const jsonl = await benchFile(options, 'rows.jsonl', `${[...rows, ...rows, ...rows].join('\n')}\n`)
  const csv = await benchFile(
    options,
    'rows.csv',
    encodeGb18030(`department,title,ask,answer\r\n${cells.join('\r\n')}\r\n`),
  )
  const peer = await options.startPeer('read', [jsonl, csv])
  const against = (
    name: string,
    path: string,
    measure: string,
    peerName: string,
    run: () => Promise<unknown>,
  ): BenchCase => ({
    name: `${name}, ${(statSync(path).size / 1e6).toFixed(0)} MB vs ${peerName}`,
    unit: 'MB/s',
    higherIsBetter: true,
    peerName,
    ours: async () => statSync(path).size / 1e6 / (await seconds(run)),
    ...(peer && { peer: () => peer.measure(measure), versions: peer.versions }),
  })
  return [
    against('jsonl one field', jsonl, 'jsonl_field', 'json.loads', () => drain(scanJsonlField(jsonl, 'output'))),
    against('jsonl rows', jsonl, 'jsonl_rows', 'json.loads', () => drain(readJsonl(jsonl))),
    against('csv gb18030', csv, 'csv', 'pandas', () => drain(readCsv(csv, { onFault: () => {} }))),
  ]
}

async function drain(rows: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _row of rows) count++
  return count
}
