import { describe, expect, it } from 'vitest'
import { chunkDocument } from '../chunk/chunk'
import { isRagError } from '../errors'
import { admit } from './admit'
import { contentHash } from './content-hash'
import { toDocument } from './document'
import { SplitError, type SplitManifest, splitGuard, splitManifest } from './split-guard'

const testQuestion = '雾心症患者首选哪一项检查？A 云图扫描 B 石纹测定'
const manifest = splitManifest({ test: [testQuestion], train: ['石纹热的常见表现是皮肤出现石纹。'] })

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('splitGuard', () => {
  it.each(['test', 'Test', ' TEST ', 'validation', 'val', 'valid', 'dev'])(
    'refuses a document labelled %j',
    (split) => {
      expect(splitGuard().check(toDocument({ text: 'x', split }, 0))?.by).toBe('label')
    },
  )

  it.each(['train', 'knowledge', undefined])('lets a document labelled %j pass', (split) => {
    expect(splitGuard().check(toDocument({ text: 'x', split }, 0))).toBeUndefined()
  })

  it('finds the label in metadata and in the origin of a row', () => {
    const guard = splitGuard()
    expect(guard.check(toDocument({ text: 'x', metadata: { split: 'test' } }, 0))?.split).toBe('test')
    expect(guard.check(toDocument({ text: 'x', origin: { split: 'test' } }, 0))?.split).toBe('test')
  })

  it('refuses a text whose content hash is listed, however it is spaced or cased', () => {
    const guard = splitGuard({ manifest })
    expect(guard.check(toDocument(testQuestion.replaceAll(' ', '\n').toLowerCase(), 7))).toEqual({
      id: '7',
      split: 'test',
      by: 'manifest',
    })
    expect(guard.check(toDocument('石纹热的常见表现是皮肤出现石纹。', 0))).toBeUndefined()
  })

  it('refuses the chunks of a listed document', () => {
    const guard = splitGuard({ manifest })
    const chunks = chunkDocument({ text: testQuestion }, { characters: 12 })
    expect(chunks.length).toBeGreaterThan(2)
    expect(chunks.map((chunk) => guard.check(chunk)?.split)).toEqual(chunks.map(() => 'test'))
  })

  it('refuses a document by the hash that whoever built the data gave it', () => {
    const document = toDocument({ text: '改写过的题目', contentHash: contentHash(testQuestion) }, 0)
    expect(splitGuard({ manifest }).check(document)?.by).toBe('manifest')
  })

  it('takes hashes made by another rule only with the function behind it', () => {
    const other: SplitManifest = { version: 1, hash: 'length', splits: { test: ['3'] } }
    expect(() => splitGuard({ manifest: other })).toThrowErrorMatchingInlineSnapshot(
      `[RagError: splitGuard: expected hashes made by sha256/nfkc-lower-nospace, got 'length'. Pass the function behind that rule as 'hash'.]`,
    )
    const guard = splitGuard({ manifest: other, hash: (text) => String(text.length) })
    expect(guard.check(toDocument('三个字', 0))?.split).toBe('test')
  })

  it('takes a manifest of @qilin-med/chimed with its fingerprint function', () => {
    const fingerprints = { test: ['gnisrever'], validation: ['x'] }
    const hash = (text: string): string => Array.from(text).reverse().join('')
    const guard = splitGuard({ manifest: { version: 1, fingerprints }, hash })
    expect(guard.check(toDocument('reversing', 0))).toEqual({ id: '0', split: 'test', by: 'manifest' })
    expect(() => splitGuard({ manifest: { version: 1, fingerprints } })).toThrow("got 'the fingerprints of")
  })

  it('refuses a manifest of another version', () => {
    const newer = { ...manifest, version: 2 } as unknown as SplitManifest
    expect(() => splitGuard({ manifest: newer })).toThrow('expected a manifest of version 1')
  })
})

describe('admit', () => {
  const documents = [
    { text: '云图扫描是雾心症的首选检查。' },
    { text: '题目一', split: 'test' },
    { text: '题目二', split: 'validation' },
    { text: testQuestion },
  ]

  it('throws a SplitError that counts every refused document and names the first', async () => {
    const error = await rejection(admit('bm25', documents, { guard: splitGuard({ manifest }) }))
    expect(error).toBeInstanceOf(SplitError)
    expect(isRagError(error)).toBe(true)
    expect(error).toMatchObject({ code: 'split', refused: 3, id: '1' })
    expect((error as Error).message).toMatchInlineSnapshot(
      `"bm25: expected documents outside the test and validation splits, got 3 of them: '1' (test, by label), '2' (validation, by label), '3' (test, by manifest). Remove them, or pass guard: splitGuard({ onRefusal: 'exclude' }) to leave them out and count them."`,
    )
  })

  it('leaves refused documents out and counts them by reason when asked to', async () => {
    const guard = splitGuard({ manifest, onRefusal: 'exclude' })
    const { documents: admitted, report } = await admit('bm25', documents, { guard })
    expect(admitted.map(({ id }) => id)).toEqual(['0'])
    expect(report).toMatchObject({
      received: 4,
      indexed: 1,
      refused: 3,
      refusedBy: { 'test by label': 1, 'validation by label': 1, 'test by manifest': 1 },
    })
  })

  it.each([
    [[], 'no-documents', /expected at least one document, got none/],
    [
      [
        { text: 'a', id: 'x' },
        { text: 'b', id: 'x' },
      ],
      'duplicate-id',
      /id of its own, got 'x' at 1 and 2/,
    ],
    [[{ id: 'x' }], 'document', /expected an object with a string 'text'/],
    [[null], 'document', /got null/],
    [[{ text: 5 }], 'document', /got 5/],
  ])('refuses %j with the code %s', async (input, code, message) => {
    const error = await rejection(admit('bm25', input as never))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('says so when only refused documents came', async () => {
    const guard = splitGuard({ onRefusal: 'exclude' })
    const error = await rejection(admit('bm25', [{ text: 'a', split: 'test' }], { guard }))
    expect(error).toMatchObject({ code: 'no-documents', message: expect.stringContaining('got 1 refused ones') })
  })
})

describe('toDocument', () => {
  it('takes id, source and metadata from the origin of a row', () => {
    const row = { text: 'x', origin: { source: 'CMExam', file: 'train.csv', line: 3, meta: { department: '心内科' } } }
    expect(toDocument(row, 9)).toEqual({
      id: 'train.csv:3',
      text: 'x',
      source: 'CMExam',
      metadata: { department: '心内科' },
    })
  })
})
