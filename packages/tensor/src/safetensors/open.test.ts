import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSafetensors } from './open'
import { writeSafetensors } from './write'

let bytes: Uint8Array
const asked: string[] = []
let etag = 'one'
const server = createServer((request, response) => {
  const range = request.headers.range ?? ''
  asked.push(range)
  if (request.url === '/none') return response.writeHead(404).end()
  const [, begin, end] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
  if (request.url === '/whole' || begin === undefined) return response.writeHead(200).end(bytes)
  const part = bytes.subarray(Number(begin), Number(end) + 1)
  response.writeHead(206, { 'content-range': `bytes ${begin}-${end}/${bytes.length}`, etag }).end(part)
})
const address = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'open-'))
  const path = join(folder, 'model.safetensors')
  const tensors = [
    { name: 'a', dtype: 'float32' as const, shape: [2], data: Float32Array.of(1, 2) },
    { name: 'b', dtype: 'int64' as const, shape: [1], data: BigInt64Array.of(7n) },
  ]
  await writeSafetensors(path, tensors, { metadata: { format: 'pt' } })
  bytes = new Uint8Array(await readFile(path))
  await rm(folder, { recursive: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => server.close().closeAllConnections())

describe('openSafetensors', () => {
  const sources = {
    bytes: () => bytes,
    'a buffer': () => bytes.slice().buffer,
    'a blob': () => new Blob([bytes.slice()]),
    'an address with ranges': () => address('/ranges'),
    'an address without ranges': () => new URL(address('/whole')),
  }
  test.each(Object.entries(sources))('reads header and tensors of %s', async (_, source) => {
    const file = await openSafetensors(source())
    expect([...file.tensors.keys()].sort()).toEqual(['a', 'b'])
    expect(file.metadata).toEqual({ format: 'pt' })
    expect(await file.read('a')).toEqual({ dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) })
    expect((await file.read('b')).data).toEqual(BigInt64Array.of(7n))
  })

  test('asks a server for the header and the tensor that is read, and for nothing else', async () => {
    asked.length = 0
    const file = await openSafetensors(address('/ranges'))
    await file.read('a')
    const start = bytes.length - 16
    const { begin, end } = file.tensors.get('a')!
    expect(asked).toEqual([
      'bytes=0-7',
      'bytes=0-7',
      `bytes=8-${start - 1}`,
      `bytes=${start + begin}-${start + end - 1}`,
    ])
  })

  test('says what is wrong', async () => {
    await expect(openSafetensors(bytes.subarray(0, 20))).rejects.toMatchObject({ code: 'truncated', path: 'bytes' })
    await expect(openSafetensors(bytes.subarray(0, 5))).rejects.toMatchObject({ code: 'truncated' })
    await expect(openSafetensors(address('/none'))).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/status 404/),
    })
    const file = await openSafetensors(address('/ranges'))
    await expect(file.read('c')).rejects.toMatchObject({ code: 'unknown-tensor', tensor: 'c' })
    etag = 'two'
    await expect(file.read('a')).rejects.toThrow(/got another version. Open it again./)
    await expect(openSafetensors(address('/ranges'), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
})
