import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  build,
  fingerprint,
  mergeShards,
  readSplitManifest,
  runShard,
  sources,
  type Tokenizer,
  tests,
  tokenRows,
} from '@qilin-med/chimed'
import { bm25, splitGuard } from '@qilin-med/rag'
import { afterAll, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'chimed-split-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const tokenizer: Tokenizer = {
  encode: (text) => [...Array.from(text, (character) => character.codePointAt(0)!), 1],
  decode: (ids) => String.fromCodePoint(...Array.from(ids)),
  eosId: 1,
}

it('the split manifest of a sharded build keeps test and validation rows out of an index and out of training', async () => {
  const raw = join(folder, 'raw.txt')
  writeFileSync(raw, Array.from({ length: 30 }, (_, i) => `第${i}段虚构的文字，讲的是第${i}种药草`).join('\n'))
  const options = {
    out: join(folder, 'out'),
    cpt: [sources.medqaTextbooks(raw, { gather: 0 })],
    tests: [tests.items([{ question: '虚构症怎么治？', context: '休息' }], { name: 'exam' })],
    split: { validation: 0.2 },
    tokenizer,
    tokens: { cpt: { blockSize: 16 } },
  }
  await runShard(options, { work: join(folder, 'work') })
  await mergeShards(options, { work: join(folder, 'work') })
  const { validation } = await build({ ...options, out: join(folder, 'whole') })
  expect(validation[0]!.samples).toBeGreaterThan(0)

  const guard = splitGuard({ manifest: readSplitManifest(join(options.out, 'splits.json')), hash: fingerprint })
  const index = (text: string) =>
    bm25(
      [
        { id: 'a', text: '一段别的虚构文字' },
        { id: 'b', text },
      ],
      { guard },
    )
  await expect(index('虚构症怎么治 休息')).rejects.toThrow('outside the test and validation splits')
  await expect(index('虚构症怎么治 喝水')).resolves.toBeDefined()

  const held = tokenRows(join(options.out, 'tokens'), { corpus: 'cpt', split: 'validation' })
  expect(held.split).toBe('validation') // and train refuses rows that say so
  held.close()
})
