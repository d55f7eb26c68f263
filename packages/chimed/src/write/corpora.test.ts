import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readCpt, readDpo, readSft } from '../read/corpora'
import { unpairPreferences } from '../trl/formats'
import type { Conversation, CptText, PreferencePair } from '../types'
import {
  writeCptText,
  writeMessagesJsonl,
  writePreferenceJsonl,
  writePromptCompletionJsonl,
  writeQilinDpo,
  writeQilinSft,
  writeTextJsonl,
  writeUnpairedJsonl,
} from './corpora'

const folder = mkdtempSync(join(tmpdir(), 'chimed-corpora-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const path = (name: string): string => join(folder, name)
const linesOf = (name: string): Record<string, unknown>[] =>
  readFileSync(path(name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** Records of a file without their origin. */
async function records<T extends { readonly origin?: unknown }>(rows: AsyncIterable<T>): Promise<Omit<T, 'origin'>[]> {
  const list: Omit<T, 'origin'>[] = []
  for await (const { origin: _, ...record } of rows) list.push(record)
  return list
}

const user = (content: string) => ({ role: 'user' as const, content })
const assistant = (content: string) => ({ role: 'assistant' as const, content })

const texts: CptText[] = [{ text: '第一段虚构的文字。' }, { text: '第二段\n有两行。' }]
const chats: Conversation[] = [
  { messages: [user('一？'), assistant('二。')] },
  { messages: [user('三？'), assistant('四。'), user('五？'), assistant('六。')] },
]
const pairs: PreferencePair[] = [
  { prompt: '问？', chosen: '好', rejected: '坏' },
  { prompt: '再问？', chosen: '好\n好', rejected: '坏', history: [user('一？'), assistant('二。')] },
]

describe('corpora', () => {
  it("read back from TRL's formats as they were", async () => {
    await writeTextJsonl(path('cpt.jsonl'), texts)
    expect(await records(readCpt(path('cpt.jsonl')))).toEqual(texts)
    await writeMessagesJsonl(path('messages.jsonl'), chats)
    expect(await records(readSft(path('messages.jsonl')))).toEqual(chats)
    await writePromptCompletionJsonl(path('completion.jsonl'), chats)
    expect(await records(readSft(path('completion.jsonl')))).toEqual(chats)
    await writePreferenceJsonl(path('preference.jsonl'), pairs)
    expect(await records(readDpo(path('preference.jsonl')))).toEqual(pairs)
  })

  it('read back from the files of the scripts, which have a line a text and no history', async () => {
    await writeCptText(path('cpt.txt'), texts)
    expect(await records(readCpt(path('cpt.txt')))).toEqual([texts[0], { text: '第二段 有两行。' }])
    await writeQilinSft(path('sft.jsonl'), chats)
    expect(linesOf('sft.jsonl')[0]).toEqual({
      conversations: [
        { from: 'input', value: '一？' },
        { from: 'output', value: '二。' },
      ],
    })
    expect(await records(readSft(path('sft.jsonl')))).toEqual(chats)
    await writeQilinDpo(path('dpo.json'), pairs)
    expect(await records(readDpo(path('dpo.json')))).toEqual([
      pairs[0],
      { prompt: '一？\n二。\n再问？', chosen: '好\n好', rejected: '坏' },
    ])
  })

  it('keep the last answer apart in the prompt-completion format', async () => {
    await writePromptCompletionJsonl(path('pc.jsonl'), chats)
    expect(linesOf('pc.jsonl')).toEqual([
      { prompt: '一？', completion: '二。' },
      { prompt: [user('三？'), assistant('四。'), user('五？')], completion: [assistant('六。')] },
    ])
  })

  it('are unpaired as TRL unpairs them', async () => {
    await writeUnpairedJsonl(path('unpaired.jsonl'), pairs)
    await writePreferenceJsonl(path('paired.jsonl'), pairs)
    const expected = unpairPreferences(linesOf('paired.jsonl'))
    const sorted = (rows: readonly object[]) =>
      rows.map((row) => JSON.stringify(row, ['prompt', 'completion', 'label', 'role', 'content'])).sort()
    expect(sorted(linesOf('unpaired.jsonl'))).toEqual(sorted(expected))
  })
})
