import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { filesBelow } from '../sources/source'
import { hubDataset } from './dataset'
import { download } from './download'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

let server: Server
let origin: string
let handle: Handler
let requests: IncomingMessage[]
let folder: string

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request)
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))
beforeEach(() => {
  requests = []
  folder = mkdtempSync(join(tmpdir(), 'chimed-hub-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const content = Buffer.from('{"虚构":"一行"}\n'.repeat(20_000))
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const gitBlob = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
/** Comparing large buffers item by item, as `toEqual` does, takes seconds. */
const same = (a: Buffer, b: Buffer): boolean => a.equals(b)
const noWait = (): Promise<void> => Promise.resolve()
const digest = { algorithm: 'sha256', hex: sha256(content) } as const

/** Serves bytes with ranges as the hub does; `cut` closes the connection once so many bytes of the body are sent. */
function serve(
  response: ServerResponse,
  request: IncomingMessage,
  bytes: Buffer,
  { etag = '"one"', cut = Number.POSITIVE_INFINITY } = {},
) {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
  const asked = range && (request.headers['if-range'] ?? etag) === etag ? Number(range[1]) : 0
  if (asked >= bytes.length) return response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
  const body = bytes.subarray(asked)
  response.writeHead(asked > 0 ? 206 : 200, {
    etag,
    'content-length': body.length,
    ...(asked > 0 && { 'content-range': `bytes ${asked}-${bytes.length - 1}/${bytes.length}` }),
  })
  if (cut >= body.length) return response.end(body)
  return response.write(body.subarray(0, cut), () => response.socket!.end())
}

const ranges = (): (string | undefined)[] => requests.map(({ headers }) => headers.range)

describe('download', () => {
  const path = (): string => join(folder, 'file.jsonl')
  const fetchIt = (options = {}): Promise<void> =>
    download(`${origin}/file`, path(), { size: content.length, digest, wait: noWait, ...options })

  it('resumes a dropped connection where it broke, and leaves nothing but the file', async () => {
    handle = (request, response) => serve(response, request, content, { cut: 150_000 })
    const seen: number[] = []
    await fetchIt({ onProgress: (done: number) => seen.push(done) })
    expect(same(readFileSync(path()), content)).toBe(true)
    const [first, ...later] = ranges()
    expect(first).toBeUndefined()
    expect(later.length).toBeGreaterThanOrEqual(2)
    // what is asked for is what is not there yet: each range begins where the bytes seen before it end
    for (const range of later) expect(seen).toContain(Number(/\d+/.exec(range!)![0]))
    expect(seen.at(-1)).toBe(content.length)
    expect(readdirSync(folder)).toEqual(['file.jsonl'])
  })

  it('keeps what came when it gives up, and a later call goes on from there', async () => {
    let up = true
    handle = (request, response) => {
      if (!up) return response.destroy()
      up = false
      return serve(response, request, content, { cut: 100_000 })
    }
    await expect(fetchIt({ attempts: 3 })).rejects.toMatchObject({ code: 'download' })
    expect(existsSync(path())).toBe(false)
    const kept = lstatSync(`${path()}.incomplete`).size
    expect(kept).toBeGreaterThan(0)
    expect(kept).toBeLessThanOrEqual(100_000)
    handle = (request, response) => serve(response, request, content)
    requests = []
    await fetchIt()
    expect(ranges()).toEqual([`bytes=${kept}-`])
    expect(same(readFileSync(path()), content)).toBe(true)
  })

  it('begins anew when the file has changed in between', async () => {
    let first = true
    const changed = Buffer.from(content.toString().replaceAll('一行', '二行'))
    handle = (request, response) => {
      const begin = first
      first = false
      return begin
        ? serve(response, request, content, { etag: '"one"', cut: 90_000 })
        : serve(response, request, changed, { etag: '"two"' })
    }
    await fetchIt({ digest: { algorithm: 'git-blob', hex: gitBlob(changed) } })
    expect(same(readFileSync(path()), changed)).toBe(true)
    expect(ranges()).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)])
  })

  it('begins anew after 416, after another range than it asked for, and where ranges are not known', async () => {
    for (const odd of ['416', 'other-range', 'no-ranges'] as const) {
      let turn = 0
      handle = (request, response) => {
        turn++
        if (turn === 1) return serve(response, request, content, { cut: 50_000 })
        if (turn === 2 && odd === '416') return response.writeHead(416).end()
        if (turn === 2 && odd === 'other-range')
          return response.writeHead(206, { etag: '"one"', 'content-range': `bytes 7-9/${content.length}` }).end('abc')
        if (odd === 'no-ranges') return response.writeHead(200, { 'content-length': content.length }).end(content)
        return serve(response, request, content)
      }
      await fetchIt()
      expect(same(readFileSync(path()), content), odd).toBe(true)
      rmSync(path())
    }
  })

  it('does not resume a part without an ETag, or with a weak one', async () => {
    for (const etag of [undefined, 'W/"one"']) {
      let turn = 0
      requests = []
      handle = (_request, response) => {
        turn++
        response.writeHead(200, { 'content-length': content.length, ...(etag && { etag }) })
        return turn === 1
          ? response.write(content.subarray(0, 9000), () => response.socket!.end())
          : response.end(content)
      }
      await fetchIt()
      expect(ranges()).toEqual([undefined, undefined])
      rmSync(path())
    }
  })

  it('finds a body that is cut short although its length was announced short too', async () => {
    let turn = 0
    handle = (request, response) => {
      turn++
      return serve(response, request, turn === 1 ? content.subarray(0, 70_000) : content)
    }
    await fetchIt()
    expect(same(readFileSync(path()), content)).toBe(true)
  })

  it('throws away content without its digest, tries once more, and stops', async () => {
    handle = (request, response) => serve(response, request, Buffer.alloc(content.length, 1))
    await expect(fetchIt()).rejects.toThrow(/digest that the listing names, twice/)
    expect(requests).toHaveLength(2)
    expect(readdirSync(folder)).toEqual([])
  })

  it('tries again after 503 and 429, and not after 403 and 404', async () => {
    let turn = 0
    handle = (request, response) =>
      ++turn < 3 ? response.writeHead(turn === 1 ? 503 : 429).end() : serve(response, request, content)
    await fetchIt()
    for (const status of [403, 404]) {
      requests = []
      rmSync(path(), { force: true })
      handle = (_, response) => response.writeHead(status).end()
      await expect(fetchIt()).rejects.toThrow(`status ${status}`)
      expect(requests).toHaveLength(1)
    }
  })

  it('says so when the disk is full, and leaves no file', async (context) => {
    if (!existsSync('/dev/full')) return context.skip('no /dev/full here')
    handle = (request, response) => serve(response, request, content)
    symlinkSync('/dev/full', `${path()}.incomplete`)
    writeFileSync(`${path()}.incomplete.etag`, '"one"')
    await expect(fetchIt()).rejects.toMatchObject({ code: 'file-write', message: expect.stringContaining('ENOSPC') })
    expect(existsSync(path())).toBe(false)
  })

  it('sends a token and ends when told to', async () => {
    handle = (request, response) => serve(response, request, content)
    await fetchIt({ token: 'hf_test' })
    expect(requests[0]!.headers.authorization).toBe('Bearer hf_test')
    rmSync(path())
    handle = (request, response) => serve(response, request, content, { cut: 10 })
    await expect(fetchIt({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('hubDataset', () => {
  const commit = 'c'.repeat(40)
  const small = Buffer.from('{"questions":[["虚构？"]],"answers":["是。"]}\n')
  const files: Record<string, Buffer> = { 'train_datasets.jsonl': small, 'data/large.jsonl': content }

  /** The three parts of the hub's interface that are used. */
  const hub = (listed: Record<string, Buffer> = files): Handler => {
    return (request, response) => {
      const { pathname } = new URL(request.url!, origin)
      const json = (value: unknown) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
      if (pathname === '/api/datasets/fictional/qa/revision/main') return json({ id: 'fictional/qa', sha: commit })
      if (pathname === `/api/datasets/fictional/qa/tree/${commit}`)
        return json(
          Object.entries(listed).map(([path, bytes]) => ({
            type: 'file',
            path,
            size: bytes.length,
            oid: gitBlob(bytes),
            ...(bytes.length > 1000 && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }),
          })),
        )
      const path = pathname.replace(`/datasets/fictional/qa/resolve/${commit}/`, '')
      const bytes = listed[path]
      return bytes ? serve(response, request, bytes) : response.writeHead(404).end()
    }
  }
  const get = (options = {}) =>
    hubDataset('fictional/qa', { cacheDir: join(folder, 'cache'), hubUrl: origin, wait: noWait, ...options })

  it("fills a cache in the layout of Python's huggingface_hub, and takes from it the second time", async () => {
    handle = hub()
    const found = await get()
    const storage = join(folder, 'cache/datasets--fictional--qa')
    expect(found).toEqual({
      folder: join(storage, 'snapshots', commit),
      files: ['data/large.jsonl', 'train_datasets.jsonl'],
      from: 'hub',
      commit,
    })
    expect(readFileSync(join(storage, 'refs/main'), 'utf8')).toBe(commit)
    expect(readdirSync(join(storage, 'blobs')).sort()).toEqual([gitBlob(small), sha256(content)].sort())
    expect(lstatSync(join(found.folder, 'data/large.jsonl')).isSymbolicLink()).toBe(true)
    expect(same(readFileSync(join(found.folder, 'data/large.jsonl')), content)).toBe(true)
    expect(filesBelow(found.folder, /\.jsonl$/)).toHaveLength(2)
    requests = []
    expect((await get()).from).toBe('cache')
    expect(requests.map(({ url }) => url!.split('?')[0])).toEqual([
      '/api/datasets/fictional/qa/revision/main',
      `/api/datasets/fictional/qa/tree/${commit}`,
    ])
    requests = []
    expect(await get({ offline: true })).toMatchObject({ from: 'cache', commit, files: found.files })
    expect(requests).toEqual([])
  })

  it('takes only the files that were asked for, and resumes them by a later call', async () => {
    const whole = hub()
    let broken = 0
    handle = (request, response) =>
      request.url!.includes('/resolve/') && broken++ < 1
        ? serve(response, request, content, { cut: 200_000 })
        : request.url!.includes('/resolve/')
          ? response.destroy()
          : whole(request, response)
    const large = { files: (path: string) => path.startsWith('data/') }
    await expect(get({ ...large, attempts: 2 })).rejects.toMatchObject({ code: 'download' })
    requests = []
    handle = whole
    expect((await get(large)).files).toEqual(['data/large.jsonl'])
    expect(ranges().at(-1)).toMatch(/^bytes=[1-9]\d*-$/)
  })

  it('takes a local folder first, by either name, without asking anybody', async () => {
    mkdirSync(join(folder, 'raw/qa/sub'), { recursive: true })
    writeFileSync(join(folder, 'raw/qa/sub/a.jsonl'), small)
    handle = hub()
    expect(await get({ local: [join(folder, 'none'), join(folder, 'raw')] })).toEqual({
      folder: join(folder, 'raw/qa'),
      files: ['sub/a.jsonl'],
      from: 'local',
      commit: undefined,
    })
    expect(requests).toEqual([])
  })

  it('refuses names that lead out of the folder', async () => {
    for (const path of ['../out.jsonl', '/etc/out', 'a\\..\\..\\out', 'C:/out', 'a//b']) {
      handle = hub({ [path]: small })
      await expect(get(), path).rejects.toMatchObject({ code: 'path-escape' })
    }
    await expect(hubDataset('../qa', { cacheDir: folder })).rejects.toMatchObject({ code: 'option' })
    await expect(hubDataset('a/..', { cacheDir: folder })).rejects.toMatchObject({ code: 'option' })
  })

  it('says what is wrong in one sentence', async () => {
    handle = (_, response) => response.writeHead(401).end()
    await expect(get()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: hubDataset: expected the data set fictional/qa, got status 401: it does not exist, or is gated or private; accept its terms on its page and pass token. Check the name and the network, or put its files into a local folder.]`,
    )
    await expect(get({ offline: true })).rejects.toMatchObject({ code: 'download' })
    handle = hub()
    await expect(get({ files: () => false })).rejects.toThrow('no file that was asked for among 2')
  })
})
