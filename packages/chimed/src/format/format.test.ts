import { describe, expect, it } from 'vitest'
import { faultLog } from '../faults'
import { packBlocksOf } from '../pack/blocks'
import { packBatch } from '../pack/pack'
import { languageModelingBatch, preferenceBatch } from '../trl/collate'
import type { ChatTokenizer, Message, TokenRow } from '../types'
import { cptRows, dpoRows, sftRows } from './rows'
import { plainFormat, qilinFormat } from './template'

/** Characters are tokens; 0 is padding, 1 begins, 2 ends; `<` and `>` stand around every message. */
const tokenizer: ChatTokenizer = {
  bosId: 1,
  eosId: 2,
  padId: 0,
  encode: (text, { addSpecialTokens = true } = {}) => [
    ...(addSpecialTokens ? [1] : []),
    ...Array.from(text, (c) => c.codePointAt(0)!),
  ],
  decode: (ids) => String.fromCodePoint(...Array.from(ids)),
  idToToken: (id) => (id === 2 ? '\u0002' : String.fromCodePoint(id)),
  applyChatTemplate: (messages: readonly Message[], { addGenerationPrompt = false } = {}) => {
    const text =
      messages.map(({ role, content }) => `<${role[0]}${content}>`).join('') + (addGenerationPrompt ? '<a' : '')
    return { text, ids: Array.from(text, (c) => c.codePointAt(0)!), assistantMask: undefined }
  },
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const row of rows) list.push(row)
  return list
}

const show = ({ inputIds, labels }: TokenRow): string =>
  Array.from(inputIds, (id, i) =>
    labels[i] === -100 ? String.fromCodePoint(id).toLowerCase() : String.fromCodePoint(id),
  ).join('')
const chat = (...contents: string[]): { messages: Message[] } => ({
  messages: contents.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content })),
})

describe('cptRows', () => {
  it('ends documents with EOS, a line break or nothing, and packs by strategy', async () => {
    const rows = async (options: object): Promise<string[]> =>
      (await all(cptRows([{ text: 'ABC' }, { text: 'DE' }], { tokenizer, blockSize: 4, ...options }))).map(show)
    expect(await rows({})).toEqual(['\u0001ABC', '\u0002\u0001DE', '\u0002'])
    expect(await rows({ separator: 'newline' })).toEqual(['\u0001ABC', '\n\u0001DE', '\n'])
    expect(await rows({ separator: 'none', packing: 'qilin' })).toEqual(['\u0001ABC'])
    expect(await rows({ packing: 'bfd' })).toEqual(['\u0001ABC', '\u0001DE\u0002'])
  })
})

describe('sftRows', () => {
  it('labels answers only, by the chat template', async () => {
    expect((await all(sftRows([chat('QQ', 'AA', 'RR', 'BB')], { tokenizer, maxLength: 100 }))).map(show)).toEqual([
      '<uqq><aAA><urr><aBB>',
    ])
  })

  it('labels answers and their EOS with a plain format, cut to length', async () => {
    const format = plainFormat({ tokenizer, prompt: ({ content }) => `${content}?`, maxLength: 7 })
    expect((await all(sftRows([chat('QQ', 'AA', 'RR', 'BB')], { tokenizer, maxLength: 7, format }))).map(show)).toEqual(
      ['\u0001qq?AA\u0002'],
    )
  })

  it('reads rows of a file and reports what leaves no label', async () => {
    const log = faultLog()
    const rows = [
      { value: { instruction: 'QQQQQQ', output: 'A' }, file: 'a.jsonl', line: 7 },
      { value: { instruction: 'Q', output: 'A' }, file: 'a.jsonl', line: 8 },
      { value: { instruction: 'Q' }, file: 'a.jsonl', line: 9 },
    ]
    const format = plainFormat({ tokenizer, prompt: ({ content }) => content, maxLength: 5 })
    expect(await all(sftRows(rows, { tokenizer, maxLength: 5, format, onFault: log.add }))).toHaveLength(1)
    expect(log.examples()).toMatchObject([
      { code: 'no-label', line: 7 },
      { code: 'missing-answer', line: 9 },
    ])
  })

  it('cuts prompt and answer to 256 ids as the Qilin-Med script does', async () => {
    const [row] = await all(
      sftRows([chat('Q'.repeat(300), 'A'.repeat(300))], {
        tokenizer,
        maxLength: 512,
        format: qilinFormat({ tokenizer }),
      }),
    )
    expect(row!.inputIds).toHaveLength(512)
    expect(row!.labels.filter((label) => label !== -100)).toHaveLength(256)
  })

  it('needs a format where the tokenizer has no chat template', async () => {
    const { applyChatTemplate: _none, ...plain } = tokenizer
    await expect(all(sftRows([chat('Q', 'A')], { tokenizer: plain, maxLength: 8 }))).rejects.toMatchObject({
      code: 'option',
    })
  })
})

describe('dpoRows', () => {
  it('shares the prompt and ends both completions with EOS', async () => {
    const [row] = await all(
      dpoRows([{ prompt: 'Q', chosen: 'CC', rejected: 'R' }], { tokenizer, prompt: ({ prompt }) => `${prompt}?` }),
    )
    expect(Object.values(row!).map((ids) => String.fromCodePoint(...(ids as Int32Array)))).toEqual([
      '\u0001Q?',
      'CC\u0002',
      'R\u0002',
    ])
  })

  it('leaves out pairs whose prompt fills the row', async () => {
    const log = faultLog()
    expect(
      await all(
        dpoRows([{ prompt: 'QQQQ', chosen: 'C', rejected: 'R' }], {
          tokenizer,
          prompt: ({ prompt }) => prompt,
          maxLength: 5,
          onFault: log.add,
        }),
      ),
    ).toEqual([])
    expect(log.counts()).toEqual({ 'prompt-too-long': 1 })
  })
})

describe('packing', () => {
  const rows = [[1, 2, 3, 4, 5], [6, 7], [8, 9, 10], [11]].map(
    (ids): TokenRow => ({ inputIds: Int32Array.from(ids), labels: Int32Array.from(ids) }),
  )
  const ids = (packed: readonly TokenRow[]): number[][] => packed.map(({ inputIds }) => Array.from(inputIds))

  it('gives the documented rows of TRL', () => {
    expect(ids(packBatch(rows, 'bfd', 4))).toEqual([
      [1, 2, 3, 4],
      [8, 9, 10, 11],
      [6, 7],
    ])
    expect(ids(packBatch(rows, 'bfd_split', 4))).toEqual([
      [1, 2, 3, 4],
      [8, 9, 10, 5],
      [6, 7, 11],
    ])
    expect(ids(packBatch(rows, 'wrapped', 4))).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10, 11],
    ])
  })

  it('drops, keeps or pads tails, and writes a first id', () => {
    const blocks = (options: object): number[][] => ids(packBlocksOf(rows, { blockSize: 4, ...options }))
    expect(blocks({ tail: 'drop' })).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ])
    expect(blocks({ tail: 'pad', padId: 0 })).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10, 11, 0],
    ])
    expect(blocks({ tail: 'drop', firstId: 99 })).toEqual([
      [99, 2, 3, 4],
      [99, 6, 7, 8],
    ])
    expect(ids(packBlocksOf(rows.slice(3), { blockSize: 4, tail: 'drop-unless-only' }))).toEqual([[11]])
  })

  it('keeps positions of packed samples apart, and gives their first tokens no label', () => {
    const [packed] = packBatch(rows.slice(1, 3), 'bfd', 8)
    const batch = languageModelingBatch([packed!], { padId: 0, paddingFree: true })
    expect(Array.from(batch.positionIds![0]!)).toEqual([0, 1, 2, 0, 1])
    expect(Array.from(batch.labels[0]!)).toEqual([-100, 9, 10, -100, 7])
    expect(Array.from(batch.sampleStarts!)).toEqual([0, 3, 5])
  })

  it('puts chosen before rejected and cuts whole sequences', () => {
    const pair = { promptIds: Int32Array.of(1, 2), chosenIds: Int32Array.of(3, 4, 5), rejectedIds: Int32Array.of(6) }
    const batch = preferenceBatch([pair], { padId: 0, maxLength: 4 })
    expect(batch.inputIds.map((row) => Array.from(row))).toEqual([
      [1, 2, 3, 4],
      [1, 2, 6, 0],
    ])
    expect(batch.completionMask.map((row) => Array.from(row))).toEqual([
      [0, 0, 1, 1],
      [0, 0, 1, 0],
    ])
  })
})
