import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import type { DocumentInput } from '../documents/document'
import { rejection } from '../test/world'
import type { DocumentFiles } from './faults'
import { readJsonl } from './read-jsonl'
import { readMarkdown } from './read-markdown'
import { readText } from './read-text'

const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

/** A folder with these files; returns its path. */
const folderOf = (files: Readonly<Record<string, string | Uint8Array>>): string => {
  const folder = mkdtempSync(join(tmpdir(), 'rag-'))
  folders.push(folder)
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

const all = async (files: DocumentFiles): Promise<DocumentInput[]> => {
  const documents: DocumentInput[] = []
  for await (const document of files) documents.push(document)
  return documents
}

const textsOf = async (files: DocumentFiles): Promise<string[]> => (await all(files)).map(({ text }) => text)

/** 雾心症。 in GB18030. */
const gb18030 = Uint8Array.of(0xce, 0xed, 0xd0, 0xc4, 0xd6, 0xa2, 0xa1, 0xa3)

describe('readText', () => {
  it('reads whole files in order of name, with path as id and source', async () => {
    const folder = folderOf({ 'b.txt': '乙\r\n二', 'a.txt': '甲', 'c.md': '丙' })
    const files = readText(join(folder, '*.txt'))
    expect(await all(files)).toEqual([
      {
        id: join(folder, 'a.txt'),
        text: '甲',
        source: join(folder, 'a.txt'),
        metadata: { file: join(folder, 'a.txt') },
      },
      {
        id: join(folder, 'b.txt'),
        text: '乙\n二',
        source: join(folder, 'b.txt'),
        metadata: { file: join(folder, 'b.txt') },
      },
    ])
    expect(files.report).toEqual({ files: 2, documents: 2, faults: {}, examples: [] })
    expect((await all(files)).length).toBe(2)
    expect(files.report.files).toBe(2)
  })

  it('reads paragraphs and lines with their line numbers', async () => {
    const path = join(folderOf({ 'a.txt': '\n一\n二\n\n \n三\n' }), 'a.txt')
    const paragraphs = await all(readText(path, { unit: 'paragraph', source: '手册', split: 'train' }))
    expect(paragraphs).toMatchObject([
      { id: `${path}:2`, text: '一\n二', source: '手册', split: 'train', metadata: { line: 2 } },
      { id: `${path}:6`, text: '三' },
    ])
    expect(await textsOf(readText(path, { unit: 'line' }))).toEqual(['一', '二', '三'])
  })

  it('finds files by pattern at any depth', async () => {
    const folder = folderOf({ 'x/1.txt': '一', 'x/y/2.txt': '二', '3.txt': '三', 'x/y/z/4.log': '四' })
    const names = async (pattern: string): Promise<string[]> => textsOf(readText(join(folder, pattern)))
    expect(await names('**/*.txt')).toEqual(['三', '一', '二'])
    expect(await names('*/?.txt')).toEqual(['一'])
    expect(await names('x/**')).toEqual(['一', '二', '四'])
    expect(await names('x/**/2.txt')).toEqual(['二'])
  })

  it('reads a file named twice once', async () => {
    const folder = folderOf({ 'a.txt': '甲' })
    expect(await textsOf(readText([join(folder, 'a.txt'), join(folder, '*.txt')]))).toEqual(['甲'])
  })

  const utf16 = (text: string, swap: boolean): Buffer => {
    const bytes = Buffer.from(`\ufeff${text}`, 'utf16le')
    return swap ? bytes.swap16() : bytes
  }

  it.each([
    ['UTF-8', Buffer.from('雾心症。')],
    ['UTF-8 with a mark', Buffer.from('\ufeff雾心症。')],
    ['UTF-16, little-endian', utf16('雾心症。', false)],
    ['UTF-16, big-endian', utf16('雾心症。', true)],
    ['GB18030', gb18030],
    ['gzip', gzipSync(gb18030)],
  ])('recognises %s', async (name, bytes) => {
    const file = name === 'gzip' ? 'a.txt.gz' : 'a.txt'
    expect(await textsOf(readText(join(folderOf({ [file]: bytes }), file)))).toEqual(['雾心症。'])
  })

  it('recognises the encoding of a file that is ASCII for long, and characters across pieces', async () => {
    const ascii = `${'x'.repeat(65_535)}\n`.repeat(2)
    const chinese = Buffer.from(`y${'雾心症。'.repeat(40_000)}`)
    const folder = folderOf({
      'a.txt': Buffer.concat([Buffer.from(ascii), chinese]),
      'b.txt': Buffer.concat([Buffer.from(ascii), gb18030]),
    })
    expect(await textsOf(readText(join(folder, 'a.txt')))).toEqual([`${ascii}y${'雾心症。'.repeat(40_000)}`])
    expect(await textsOf(readText(join(folder, 'b.txt')))).toEqual([`${ascii}雾心症。`])
  })

  it('ends a file with \\r\\n across two pieces correctly', async () => {
    const folder = folderOf({ 'a.txt': `${'x'.repeat(65_535)}\r\n二` })
    expect(await textsOf(readText(join(folder, 'a.txt'), { unit: 'line' }))).toEqual(['x'.repeat(65_535), '二'])
  })

  it.each<[string, string | Uint8Array, string, RegExp]>([
    ['an empty file', '', 'file', /an empty file/],
    ['a blank file', ' \n\n', 'file', /an empty file/],
    ['a picture', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0xff, 0xff), 'encoding', /expected text in/],
    ['a NUL character', 'ab\0c', 'encoding', /a NUL character/],
    ['bytes of no encoding', Uint8Array.of(0x61, 0xff, 0xff, 0x61), 'encoding', /expected text in gb18030/],
    ['a long text', '字'.repeat(101), 'row', /101 characters, more than maxLength 100/],
  ])('stops at %s with one sentence, or counts it and goes on', async (_, content, code, message) => {
    const folder = folderOf({ '1.txt': content, '2.txt': '好' })
    const options = { maxLength: 100 } as const
    expect(await rejection(all(readText(join(folder, '*.txt'), options)))).toMatchObject({
      code,
      path: join(folder, '1.txt'),
      message: expect.stringMatching(message),
    })
    const skipping = readText(join(folder, '*.txt'), { ...options, onFault: 'skip' })
    expect(await textsOf(skipping)).toEqual(['好'])
    expect(skipping.report).toMatchObject({ files: 2, documents: 1, faults: { [code]: 1 } })
    expect(skipping.report.examples[0]).toMatchObject({ code, path: join(folder, '1.txt') })
  })

  it('takes the encoding that is named, and nothing else', async () => {
    const path = join(folderOf({ 'a.txt': gb18030 }), 'a.txt')
    expect(await textsOf(readText(path, { encoding: 'gb18030' }))).toEqual(['雾心症。'])
    expect(await rejection(all(readText(path, { encoding: 'utf-8' })))).toMatchObject({ code: 'encoding' })
  })

  it('says so when nothing is found, whatever the patterns', async () => {
    const folder = folderOf({ 'a.txt': '甲' })
    for (const pattern of ['none.txt', '*.md', 'none/**/*.txt', '.'])
      expect(await rejection(all(readText(join(folder, pattern), { onFault: 'skip' })))).toMatchObject({
        code: 'file',
        message: expect.stringContaining('expected a file at'),
      })
  })

  it('says so when a gzip file is damaged', async () => {
    const path = join(folderOf({ 'a.txt.gz': gzipSync('文字'.repeat(100)).subarray(0, 20) }), 'a.txt.gz')
    expect(await rejection(all(readText(path)))).toMatchObject({ code: 'file', path })
  })

  it('follows links within the folder only', async () => {
    const outside = folderOf({ 'secret.txt': '密' })
    const folder = folderOf({ 'in/a.txt': '甲' })
    symlinkSync(join(outside, 'secret.txt'), join(folder, 'in/leak.txt'))
    symlinkSync(join(folder, 'in/a.txt'), join(folder, 'in/b.txt'))
    const files = readText(join(folder, 'in/*.txt'), { onFault: 'skip' })
    expect(await textsOf(files)).toEqual(['甲', '甲'])
    expect(files.report.faults).toEqual({ path: 1 })
    expect(await rejection(all(readText(join(folder, 'in/*.txt'))))).toMatchObject({
      message: expect.stringContaining('a link that leads out of the folder'),
    })
  })

  it('closes its file when the caller stops early', async () => {
    const path = join(folderOf({ 'a.txt': '一\n'.repeat(200_000) }), 'a.txt')
    const files = readText(path, { unit: 'line' })
    for await (const { text } of files) if (text === '一') break
    expect(files.report).toMatchObject({ documents: 1 })
  })
})

describe('readMarkdown', () => {
  const markdown = [
    '---',
    'title: x',
    '---',
    '序言。',
    '# 雾心症 #',
    '虚构的疾病。',
    '## 检查',
    '云图扫描。',
    '```sh',
    '# 不是标题',
    '```',
    '#也不是标题',
    '## 治疗',
    '# 石纹热',
  ].join('\n')

  it('reads sections with the headings above them, front matter left out', async () => {
    const path = join(folderOf({ 'a.md': markdown }), 'a.md')
    expect(await all(readMarkdown(path))).toMatchObject([
      { id: `${path}:1`, text: '序言。', metadata: { headings: [] } },
      { id: `${path}:5`, text: '# 雾心症 #\n虚构的疾病。', metadata: { line: 5, headings: ['雾心症'] } },
      { text: '## 检查\n云图扫描。\n```sh\n# 不是标题\n```\n#也不是标题', metadata: { headings: ['雾心症', '检查'] } },
      { text: '## 治疗', metadata: { headings: ['雾心症', '治疗'] } },
      { text: '# 石纹热', metadata: { headings: ['石纹热'] } },
    ])
  })

  it('reads whole files without front matter', async () => {
    const path = join(folderOf({ 'a.md': markdown }), 'a.md')
    const [document, ...none] = await all(readMarkdown(path, { unit: 'file' }))
    expect(document).toMatchObject({ id: path, text: markdown.slice(markdown.indexOf('序言')) })
    expect(none).toEqual([])
  })

  it('takes a file that is all front matter for empty', async () => {
    const path = join(folderOf({ 'a.md': '---\ntitle: x\n' }), 'a.md')
    expect(await rejection(all(readMarkdown(path)))).toMatchObject({ code: 'file' })
  })
})

describe('readJsonl', () => {
  it('reads fields as text, id, split and metadata', async () => {
    const rows = [
      { 问: '雾心症查什么？', 答: '云图扫描。', n: 7, part: 'test', department: '心内科' },
      { 问: '石纹热呢？', 答: '看皮肤。', n: 8 },
    ]
    const path = join(folderOf({ 'a.jsonl': rows.map((row) => JSON.stringify(row)).join('\n\n') }), 'a.jsonl')
    const files = readJsonl(path, {
      text: ['问', '答'],
      id: 'n',
      splitField: 'part',
      metadata: ['department'],
      source: '问答',
    })
    expect(await all(files)).toEqual([
      {
        id: '7',
        text: '雾心症查什么？\n云图扫描。',
        source: '问答',
        split: 'test',
        metadata: { file: path, line: 1, department: '心内科' },
      },
      { id: '8', text: '石纹热呢？\n看皮肤。', source: '问答', split: undefined, metadata: { file: path, line: 3 } },
    ])
  })

  it('makes texts with a function', async () => {
    const path = join(folderOf({ 'a.jsonl': '{"a":1}' }), 'a.jsonl')
    expect(await textsOf(readJsonl(path, { text: ({ a }) => `值${a}` }))).toEqual(['值1'])
  })

  it('stops at the line of a broken row, or counts it and goes on', async () => {
    const lines = ['{"text":"好"}', '{"text":', '[1]', 'null', '{"other":1}', '{"text":" "}', '{"text":"完"}']
    const path = join(folderOf({ 'a.jsonl': lines.join('\n') }), 'a.jsonl')
    expect(await rejection(all(readJsonl(path)))).toMatchObject({
      code: 'row',
      path,
      line: 2,
      message: `readJsonl: ${path}:2: expected one JSON object, got something else. Mend it, or pass onFault: 'skip' to leave it out and count it.`,
    })
    const skipping = readJsonl(path, { onFault: 'skip' })
    expect(await textsOf(skipping)).toEqual(['好', '完'])
    expect(skipping.report.faults).toEqual({ row: 5 })
    expect(skipping.report.examples.map(({ line }) => line)).toEqual([2, 3, 4, 5, 6])
  })

  it('stops at a row without the id asked for', async () => {
    const path = join(folderOf({ 'a.jsonl': '{"text":"好"}' }), 'a.jsonl')
    expect(await rejection(all(readJsonl(path, { id: 'n' })))).toMatchObject({ code: 'row', line: 1 })
  })
})
