import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { mix32 } from '../dedup/minhash-js'
import { encodeGb18030 } from '../encoding/gb18030'
import { isChimedError } from '../errors'
import { isArchive, unpack } from './unpack'

const folder = mkdtempSync(join(tmpdir(), 'chimed-archive-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let next = 0
const file = (content: Uint8Array): string => {
  const path = join(folder, `a${next++}`)
  writeFileSync(path, content)
  return path
}
const into = (): string => join(folder, `out${next++}`)

interface Item {
  readonly name: string | Buffer
  readonly content?: Buffer
  readonly type?: string
  readonly target?: string
}

function tar(items: readonly Item[]): Buffer {
  const blocks = items.flatMap(({ name, content = Buffer.alloc(0), type = '0', target = '' }) => {
    const header = Buffer.alloc(512)
    header.write(name.toString(), 0, 100)
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
    header.write(type, 156)
    header.write(target, 157, 100)
    header.write('ustar\x0000', 257)
    header.write('        ', 148)
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

function zip(items: readonly (Item & { readonly method?: number; readonly flags?: number })[]): Buffer {
  const locals: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const { name, content = Buffer.alloc(0), type = '0', target, method = 8, flags } of items) {
    const bytes = target === undefined ? content : Buffer.from(target)
    const packed = method === 8 ? deflateRawSync(bytes) : bytes
    const named = Buffer.from(name)
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(named.length, 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry[5] = 3
    entry.writeUInt16LE(flags ?? (typeof name === 'string' ? 0x800 : 0), 8)
    entry.writeUInt16LE(method, 10)
    entry.writeUInt32LE(crc32(bytes), 16)
    entry.writeUInt32LE(packed.length, 20)
    entry.writeUInt32LE(bytes.length, 24)
    entry.writeUInt16LE(named.length, 28)
    entry.writeUInt32LE(((type === '2' ? 0o120777 : 0o100644) << 16) >>> 0, 38)
    entry.writeUInt32LE(offset, 42)
    locals.push(local, named, packed)
    central.push(entry, named)
    offset += 30 + named.length + packed.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(items.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}

const text = Buffer.from('虚构的一行。\n'.repeat(3000))
const items: Item[] = [
  { name: 'data/train.jsonl', content: text },
  { name: 'data/empty.txt' },
  { name: './书/一.txt', content: Buffer.from('书') },
]
const archives: Record<string, (list: readonly Item[]) => Buffer> = {
  zip,
  tar,
  'tar.gz': (list) => gzipSync(tar(list)),
}

describe('unpack', () => {
  it('writes the files of every kind of archive', async () => {
    for (const [kind, pack] of Object.entries(archives)) {
      const target = into()
      expect(await unpack(file(pack(items)), { into: target }), kind).toEqual({
        folder: target,
        files: ['data/empty.txt', 'data/train.jsonl', '书/一.txt'],
        bytes: text.length + 3,
        leftOut: { link: 0, device: 0, 'not-selected': 0 },
      })
      expect(readFileSync(join(target, 'data/train.jsonl')).equals(text)).toBe(true)
      expect(readFileSync(join(target, 'data/empty.txt'))).toHaveLength(0)
    }
    expect(['a.zip', 'b.tar.gz', 'c.TGZ', 'd.jsonl.gz'].map(isArchive)).toEqual([true, true, true, false])
  })

  it('takes only what is asked for, and counts links and devices', async () => {
    const target = into()
    const list: Item[] = [
      ...items,
      { name: 'same.txt', type: '2', target: 'data/empty.txt' },
      { name: 'null', type: '3' },
    ]
    expect(await unpack(file(tar(list)), { into: target, files: (name) => name.endsWith('.jsonl') })).toMatchObject({
      files: ['data/train.jsonl'],
      leftOut: { link: 1, device: 1, 'not-selected': 2 },
    })
  })

  it('reads Chinese names in GB18030, long names, and what tar itself writes', async (context) => {
    const target = into()
    await unpack(file(zip([{ name: encodeGb18030('医书/伤寒.txt') as Buffer, content: Buffer.from('甲') }])), {
      into: target,
    })
    expect(readFileSync(join(target, '医书/伤寒.txt'), 'utf8')).toBe('甲')
    try {
      execFileSync('tar', ['--version'])
    } catch {
      return context.skip('no tar here')
    }
    const long = `${'很长的名字'.repeat(12)}/${'b'.repeat(120)}.txt`
    const from = join(folder, 'from')
    mkdirSync(join(from, long, '..'), { recursive: true })
    writeFileSync(join(from, long), text)
    symlinkSync('nowhere', join(from, 'link'))
    for (const format of ['gnu', 'pax', 'ustar']) {
      const archive = join(folder, `${format}.tgz`)
      const names = format === 'ustar' ? ['link'] : ['link', long.split('/')[0]!]
      execFileSync('tar', ['-czf', archive, `--format=${format}`, '-C', from, ...names])
      const out = into()
      expect((await unpack(archive, { into: out })).files, format).toEqual(format === 'ustar' ? [] : [long])
    }
  })

  it('refuses names and links that lead out of the folder or in a circle, and leaves nothing', async () => {
    const bad: Item[][] = [
      [{ name: '../out.txt', content: text }],
      [{ name: '/etc/out.txt', content: text }],
      [{ name: 'a/../../out.txt', content: text }],
      [{ name: 'C:\\out.txt', content: text }],
      [{ name: '..\\out.txt', content: text }],
      [{ name: 'link', type: '2', target: '/etc/hostname' }],
      [{ name: 'sub/link', type: '2', target: '../../hostname' }],
      [
        { name: 'a', type: '2', target: 'b' },
        { name: 'b', type: '2', target: 'c' },
        { name: 'c', type: '2', target: 'a' },
      ],
      [{ name: 'self', type: '2', target: 'self' }],
    ]
    for (const [kind, pack] of Object.entries(archives)) {
      for (const list of bad) {
        const target = into()
        const archive = file(pack([...items, ...list]))
        await expect(unpack(archive, { into: target }), `${kind} ${list[0]!.name}`).rejects.toMatchObject({
          code: 'path-escape',
        })
        expect(existsSync(target)).toBe(false)
      }
    }
    await expect(unpack(file(tar([{ name: 'x', type: '1', target: '../y' }])), { into: into() })).rejects.toMatchObject(
      { code: 'path-escape' },
    )
    expect(readdirSync(folder).filter((name) => name.endsWith('.part') || name === 'out.txt')).toEqual([])
  })

  it('says in one sentence what it cannot read', async () => {
    const secret = file(zip([{ name: 'a', content: text, flags: 0x801 }]))
    await expect(unpack(secret, { into: into() })).rejects.toMatchObject({ code: 'file-format' })
    await expect(
      unpack(file(zip([{ name: 'a', content: text, method: 0 }])), { into: into(), maxBytes: 100 }),
    ).rejects.toMatchObject({ code: 'option' })
    await expect(unpack(file(Buffer.from('Rar!')), { into: into() })).rejects.toMatchObject({ code: 'file-format' })
    await expect(unpack(file(Buffer.alloc(2000, 65)), { into: into() })).rejects.toMatchObject({ code: 'file-format' })
    await expect(unpack(file(Buffer.alloc(0)), { into: into() })).rejects.toMatchObject({ code: 'file-empty' })
    await expect(unpack(join(folder, 'none'), { into: into() })).rejects.toMatchObject({ code: 'file-missing' })
    const full = into()
    mkdirSync(full)
    writeFileSync(join(full, 'x'), '')
    await expect(unpack(file(zip(items)), { into: full })).rejects.toMatchObject({ code: 'option' })
    const wrong = zip(items)
    wrong[60] = wrong[60]! ^ 0xff // inside the packed bytes of the first file
    await expect(unpack(file(wrong), { into: into() })).rejects.toMatchObject({ code: 'file-truncated' })
  })

  it('cut at any byte stops with one sentence and leaves no folder', async () => {
    const small = items.map((item) => ({ ...item, content: item.content?.subarray(0, 900) ?? Buffer.alloc(0) }))
    for (const [kind, pack] of Object.entries(archives)) {
      const whole = pack(small)
      // a tar file without its closing blocks is whole to every reader; zip and gzip are not
      const most = kind === 'tar' ? whole.length - 1024 - 512 : whole.length
      for (let round = 0; round < 200; round++) {
        const cut = 1 + (mix32(round) % (most - 1))
        const path = join(folder, 'cut')
        writeFileSync(path, whole.subarray(0, cut))
        const target = join(folder, 'cut-out')
        const outcome = await unpack(path, { into: target }).catch((error: unknown) => error)
        if (!isChimedError(outcome)) {
          expect(kind, `${kind} at ${cut}`).toBe('tar')
          rmSync(target, { recursive: true })
        }
        expect(existsSync(target), `${kind} at ${cut}`).toBe(false)
      }
    }
  })
})
