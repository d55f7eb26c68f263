import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  readFloat32,
  readSafetensors,
  readShards,
  readTensor,
  readTensorSync,
  SafetensorsError,
  type SafetensorsErrorCode,
  type StoredDtype,
  type TensorToWrite,
  writeSafetensors,
} from './safetensors'
import { dtypes } from './safetensors/dtypes'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const at = (name: string): string => join(folder, name)

/** A file with this header text and so many zero bytes of data. */
const fileOf = async (header: string | Uint8Array, dataBytes = 0, headerBytes?: bigint): Promise<string> => {
  const json = Buffer.from(header as string)
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(headerBytes ?? BigInt(json.length))
  const path = at('hostile.safetensors')
  await writeFile(path, Buffer.concat([prefix, json, Buffer.alloc(dataBytes)]))
  return path
}

const errorOf = async (promise: Promise<unknown>): Promise<SafetensorsError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(SafetensorsError)
  return error as SafetensorsError
}

const f32 = (name: string, ...values: number[]): TensorToWrite => ({
  name,
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
})

describe('write and read', () => {
  it('gives back every dtype, scalar and empty tensor bit for bit', async () => {
    const shapes = [[], [3], [2, 0], [2, 1, 3]]
    const tensor = fc.record({
      dtype: fc.constantFrom(...(Object.keys(dtypes) as StoredDtype[])),
      shape: fc.constantFrom(...shapes),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(tensor, { maxLength: 8 }),
        fc.uint8Array({ minLength: 96, maxLength: 96 }),
        async (specs, bytes) => {
          const tensors = specs.map(({ dtype, shape }, i): TensorToWrite => {
            const elements = shape.reduce((a, b) => a * b, 1)
            return { name: `t${i}`, dtype, shape, data: dtypes[dtype].view(bytes.slice().buffer, elements) }
          })
          const path = at('round-trip.safetensors')
          const size = await writeSafetensors(path, tensors, { metadata: { format: 'pt' } })
          const file = await readSafetensors(path)
          expect((await readFile(path)).length).toBe(size)
          expect(file.dataOffset % 8).toBe(0)
          expect(file.metadata).toEqual({ format: 'pt' })
          for (const { name, dtype, shape, data } of tensors) {
            expect(await readTensor(file, name)).toEqual({ dtype, shape, data })
            expect(readTensorSync(file, name)).toEqual({ dtype, shape, data })
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  it('lays the file out as the reference library: wide dtypes first, then names, header padded with spaces', async () => {
    const path = at('layout.safetensors')
    await writeSafetensors(
      path,
      [
        { name: 'z', dtype: 'bfloat16', shape: [1], data: Uint16Array.of(0x3f80) },
        f32('b', 1),
        { name: '10', dtype: 'int64', shape: [1], data: BigInt64Array.of(7n) },
        f32('a', 2),
        { name: '中', dtype: 'uint8', shape: [], data: Uint8Array.of(9) },
      ],
      { metadata: { format: 'pt' } },
    )
    const bytes = await readFile(path)
    const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString()
    expect(header.trimEnd()).toBe(
      '{"__metadata__":{"format":"pt"},"10":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},"z":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},"中":{"dtype":"U8","shape":[],"data_offsets":[18,19]}}',
    )
    expect(Buffer.byteLength(header) % 8).toBe(0)
  })

  it('asks for lazy data one tensor at a time, in file order', async () => {
    let open = 0
    const asked: string[] = []
    const lazy = (name: string): TensorToWrite => ({
      name,
      dtype: 'float32',
      shape: [2],
      data: async () => {
        asked.push(name)
        expect(++open).toBe(1)
        await Promise.resolve()
        open--
        return Float32Array.of(1, 2)
      },
    })
    await writeSafetensors(at('lazy.safetensors'), new Set([lazy('b'), lazy('a')]))
    expect(asked).toEqual(['a', 'b'])
  })

  it('reads some rows of a tensor alone, and refuses rows that it has not', async () => {
    const path = at('rows.safetensors')
    const data = Uint16Array.from({ length: 12 }, (_, i) => i)
    await writeSafetensors(path, [
      { name: 'w', dtype: 'bfloat16', shape: [3, 2, 2], data },
      { ...f32('s'), shape: [], data: Float32Array.of(1) },
    ])
    const file = await readSafetensors(path)
    expect(await readTensor(file, 'w', { rows: [1, 3] })).toEqual({
      dtype: 'bfloat16',
      shape: [2, 2, 2],
      data: data.slice(4),
    })
    expect(readTensorSync(file, 'w', { rows: [0, 0] })).toEqual({
      dtype: 'bfloat16',
      shape: [0, 2, 2],
      data: data.slice(0, 0),
    })
    for (const [name, rows] of [
      ['w', [1, 4]],
      ['w', [-1, 2]],
      ['w', [2, 1]],
      ['w', [0, 0.5]],
      ['s', [0, 1]],
    ] as const)
      expect((await errorOf(readTensor(file, name, { rows }))).code).toBe('bad-rows')
    expect(
      (await errorOf(readTensor(file, 'w', { rows: [1, 4] }))).message.replace(path, 'FILE'),
    ).toMatchInlineSnapshot(
      `"readTensor: FILE: expected rows inside tensor "w" [3,2,2], got 1 to 4. Use other bounds."`,
    )
  })

  it('widens half precision to float32 and refuses integers', async () => {
    const path = at('wide.safetensors')
    await writeSafetensors(path, [
      { name: 'bf16', dtype: 'bfloat16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) },
      { name: 'f16', dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0x0001) },
      { name: 'f64', dtype: 'float64', shape: [1], data: Float64Array.of(0.1) },
      { name: 'ids', dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) },
    ])
    const file = await readSafetensors(path)
    expect([...(await readFloat32(file, 'bf16'))]).toEqual([1, -2])
    expect([...(await readFloat32(file, 'f16'))]).toEqual([1, 2 ** -24])
    expect([...(await readFloat32(file, 'f64'))]).toEqual([Math.fround(0.1)])
    expect((await errorOf(readFloat32(file, 'ids'))).code).toBe('unsupported-dtype')
  })
})

describe('a failed write', () => {
  it('leaves the earlier file and no other behind', async () => {
    const place = await mkdtemp(join(folder, 'atomic-'))
    const path = join(place, 'model.safetensors')
    await writeSafetensors(path, [f32('a', 1)])
    const failing: TensorToWrite = { ...f32('b', 1), data: () => Promise.reject(new Error('no such weight')) }
    await expect(writeSafetensors(path, [f32('a', 2), failing])).rejects.toThrow('no such weight')
    expect(await readdir(place)).toEqual(['model.safetensors'])
    expect([...(await readFloat32(await readSafetensors(path), 'a'))]).toEqual([1])
  })

  it.each<[string, TensorToWrite[], SafetensorsErrorCode]>([
    ['wrong size', [{ ...f32('a', 1, 2), shape: [3] }], 'bad-tensor'],
    [
      'wrong size of lazy data',
      [{ name: 'a', dtype: 'float32', shape: [3], data: () => new Float32Array(2) }],
      'bad-tensor',
    ],
    ['the same name twice', [f32('a', 1), f32('a', 2)], 'duplicate-name'],
    ['the reserved name', [f32('__metadata__', 1)], 'bad-tensor'],
    ['a negative size', [{ ...f32('a'), shape: [-1] }], 'bad-tensor'],
    ['an unknown dtype', [{ ...f32('a', 1), dtype: 'float4' as StoredDtype }], 'bad-tensor'],
  ])('names the tensor: %s', async (_, tensors, code) => {
    const error = await errorOf(writeSafetensors(at('bad.safetensors'), tensors))
    expect(error.code).toBe(code)
    expect(error.tensor).toBe(tensors[0]!.name)
  })

  it('says what the system said about the folder', async () => {
    const error = await errorOf(writeSafetensors(join(folder, 'absent', 'x.safetensors'), []))
    expect(error.code).toBe('write-failed')
    expect(error.message).toContain('ENOENT')
  })
})

describe('hostile headers', () => {
  const entry = (name: string, begin: number, end: number, shape = [(end - begin) / 4]): string =>
    `"${name}":{"dtype":"F32","shape":[${shape}],"data_offsets":[${begin},${end}]}`

  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

  it.each<[string, string | Uint8Array, number, SafetensorsErrorCode]>([
    ['no JSON', 'GGUF', 0, 'bad-header'],
    ['cut JSON', '{"a":', 0, 'bad-header'],
    ['an array', '[]', 0, 'bad-header'],
    ['leading space', ' {}', 0, 'bad-header'],
    ['invalid UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 0, 'bad-header'],
    ['metadata with a number', '{"__metadata__":{"a":1}}', 0, 'bad-header'],
    ['an entry that is null', '{"a":null}', 0, 'bad-header'],
    ['a fractional size', '{"a":{"dtype":"F32","shape":[0.5],"data_offsets":[0,2]}}', 2, 'bad-header'],
    ['a negative size', '{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', 4, 'bad-header'],
    ['no shape', '{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4, 'bad-header'],
    ['an unknown dtype', '{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,4]}}', 4, 'unsupported-dtype'],
    ['the same name twice', `{${entry('a', 0, 4)},${entry('a', 0, 4)}}`, 4, 'duplicate-name'],
    ['the same escaped name twice', `{${entry('a', 0, 4)},${entry('\\u0061', 0, 4)}}`, 4, 'duplicate-name'],
    ['offsets in reverse', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', 4, 'bad-offsets'],
    ['negative offsets', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}', 4, 'bad-offsets'],
    ['three offsets', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}', 4, 'bad-offsets'],
    ['an overlap', `{${entry('a', 0, 8)},${entry('b', 4, 12)}}`, 12, 'bad-offsets'],
    ['a hole', `{${entry('a', 0, 4)},${entry('b', 8, 12)}}`, 12, 'bad-offsets'],
    ['bytes after the last tensor', `{${entry('a', 0, 4)}}`, 8, 'bad-offsets'],
    ['data cut off', `{${entry('a', 0, 8)}}`, 7, 'truncated'],
    ['a size unequal to dtype and shape', `{${entry('a', 0, 8, [3])}}`, 8, 'size-mismatch'],
    ['a million brackets in the place of a tensor', `{"a":${nested(1e6)}}`, 0, 'bad-header'],
    [
      'a million brackets in a shape',
      `{"a":{"dtype":"F32","shape":${nested(1e6)},"data_offsets":[0,4]}}`,
      4,
      'bad-header',
    ],
    ['a million brackets in metadata', `{"__metadata__":{"a":${nested(1e6)}}}`, 0, 'bad-header'],
    ['a million brackets that never close', `{"a":${'['.repeat(1e6)}`, 0, 'bad-header'],
    ['a million axes', `{"a":{"dtype":"F32","shape":[${'2,'.repeat(1e6)}2],"data_offsets":[0,4]}}`, 4, 'size-mismatch'],
    ['a number beyond all', '{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}}', 4, 'bad-header'],
    ['offsets beyond exact numbers', '{"a":{"dtype":"U8","shape":[1],"data_offsets":[1e300,1e300]}}', 1, 'bad-offsets'],
    ['an overlap of a tensor without elements', `{${entry('a', 0, 8)},${entry('b', 4, 4, [0])}}`, 8, 'bad-offsets'],
    ['a product beyond exact numbers', `{${entry('a', 0, 8, [2 ** 40, 2 ** 40])}}`, 8, 'size-mismatch'],
  ])('are refused: %s', async (_, header, dataBytes, code) => {
    const path = await fileOf(header, dataBytes)
    const error = await errorOf(readSafetensors(path))
    expect(error.code).toBe(code)
    expect(error.path).toBe(path)
    expect(error.message.length).toBeLessThan(500)
  })

  it('a hundred thousand tensors are read, in the order in which they lie', async () => {
    const names = Array.from({ length: 1e5 }, (_, i) => entry(`layer.${i}`, 4 * i, 4 * i + 4))
    const file = await readSafetensors(await fileOf(`{${names.reverse().join(',')}}`, 4e5))
    expect([...file.tensors.keys()].slice(0, 2)).toEqual(['layer.0', 'layer.1'])
  })

  it.each<[string, bigint, SafetensorsErrorCode]>([
    ['beyond the file', 1000n, 'truncated'],
    ['beyond 100 MB', 100_000_001n, 'header-too-large'],
    ['of 2^63', 1n << 63n, 'header-too-large'],
    ['of zero', 0n, 'bad-header'],
  ])('a header length %s is refused', async (_, length, code) => {
    expect((await errorOf(readSafetensors(await fileOf('{}', 0, length)))).code).toBe(code)
  })

  it('a tensor may be called __proto__', async () => {
    const file = await readSafetensors(await fileOf(`{${entry('__proto__', 0, 4)}}`, 4))
    expect([...file.tensors.keys()]).toEqual(['__proto__'])
  })

  it('a name twice names the tensor in one sentence', async () => {
    const path = await fileOf(`{${entry('a', 0, 4)},${entry('a', 0, 4)}}`, 4)
    expect((await errorOf(readSafetensors(path))).message.replace(path, 'FILE')).toMatchInlineSnapshot(
      `"readSafetensors: FILE: expected unique names, got "a" twice. Write the file again."`,
    )
  })

  it('any cut of a valid file is refused', async () => {
    const whole = at('whole.safetensors')
    const size = await writeSafetensors(whole, [f32('a', 1, 2), f32('b', 3)])
    const cut = at('cut.safetensors')
    for (let length = 0; length < size; length++) {
      await writeFile(cut, (await readFile(whole)).subarray(0, length))
      expect((await errorOf(readSafetensors(cut))).code).toBe('truncated')
    }
  })

  it('any damaged header byte gives a typed error or another valid header, never anything else', async () => {
    const whole = at('whole.safetensors')
    await writeSafetensors(whole, [f32('a', 1, 2), f32('b', 3)])
    const bytes = await readFile(whole)
    const damage = fc.record({ position: fc.nat(bytes.length - 13), value: fc.nat(255) })
    await fc.assert(
      fc.asyncProperty(damage, async ({ position, value }) => {
        const copy = Buffer.from(bytes)
        copy[position] = value
        await writeFile(at('damaged.safetensors'), copy)
        const error = await readSafetensors(at('damaged.safetensors')).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        expect(error === undefined || error instanceof SafetensorsError).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('a file that shrinks after its header was read is an error, not zeros', async () => {
    const path = at('shrinks.safetensors')
    await writeSafetensors(path, [f32('a', 1, 2, 3, 4)])
    const file = await readSafetensors(path)
    await truncate(path, file.dataOffset + 8)
    const error = await errorOf(readTensor(file, 'a'))
    expect(error.code).toBe('truncated')
    expect(error.tensor).toBe('a')
    expect(() => readTensorSync(file, 'a')).toThrow('expected 16 bytes')
  })

  it('an absent file, a folder and an unknown tensor are named', async () => {
    expect((await errorOf(readSafetensors(at('absent')))).code).toBe('not-found')
    await expect(readSafetensors(folder)).rejects.toThrow(SafetensorsError)
    const path = at('one.safetensors')
    await writeSafetensors(path, [f32('a', 1)])
    const error = await errorOf(readTensor(await readSafetensors(path), 'model.a'))
    expect(error.message).toContain('got "model.a". It has 1: a.')
  })
})

describe('shards', () => {
  const indexOf = async (weightMap: unknown, name = 'model.safetensors.index.json'): Promise<string> => {
    await writeSafetensors(at('one.safetensors'), [f32('a', 1), f32('extra', 9)])
    await writeSafetensors(at('two.safetensors'), [f32('b', 2)])
    await writeFile(at(name), JSON.stringify({ metadata: { total_size: 8 }, weight_map: weightMap }))
    return at(name)
  }

  it('finds each tensor in its file and counts what the index leaves out', async () => {
    const shards = await readShards(await indexOf({ b: 'two.safetensors', a: 'one.safetensors' }))
    expect([...(await readFloat32(shards.tensors.get('b')!, 'b'))]).toEqual([2])
    expect(shards.files.map(({ path }) => path)).toEqual([at('one.safetensors'), at('two.safetensors')])
    expect(shards.unlisted).toEqual(['extra'])
    expect(shards.metadata).toEqual({ total_size: 8 })
  })

  it.each(['../one.safetensors', '/etc/passwd', 'a/../../one.safetensors', '..', '.', '', 'a\\..\\b', 'a\0b'])(
    'refuses to leave the folder through %j',
    async (name) => {
      expect((await errorOf(readShards(await indexOf({ a: name })))).code).toBe('path-escape')
    },
  )

  it.each<[string, unknown, SafetensorsErrorCode]>([
    ['a tensor that its shard lacks', { b: 'one.safetensors' }, 'unknown-tensor'],
    ['a shard that is absent', { b: 'three.safetensors' }, 'not-found'],
    ['a file name that is a number', { b: 1 }, 'bad-index'],
    ['no weight map', undefined, 'bad-index'],
    ['a list', ['one.safetensors'], 'bad-index'],
  ])('refuses %s', async (_, weightMap, code) => {
    expect((await errorOf(readShards(await indexOf(weightMap)))).code).toBe(code)
  })

  it('refuses an index that is no JSON or lists a tensor twice', async () => {
    await writeFile(at('broken.json'), '{"weight_map": {')
    expect((await errorOf(readShards(at('broken.json')))).code).toBe('bad-index')
    await writeFile(at('twice.json'), '{"weight_map": {"a": "one.safetensors", "a": "two.safetensors"}}')
    expect((await errorOf(readShards(at('twice.json')))).message).toContain('the key "a" twice')
  })
})

describe('a large file', () => {
  it('is read by range: a sparse 5 GiB file gives its last tensor at once', async () => {
    const elements = 5 * 2 ** 28
    const header = `{"a":{"dtype":"F32","shape":[${elements - 1}],"data_offsets":[0,${4 * (elements - 1)}]},"b":{"dtype":"F32","shape":[1],"data_offsets":[${4 * (elements - 1)},${4 * elements}]}}`
    const path = await fileOf(header)
    await truncate(path, 8 + header.length + 4 * elements)
    const handle = await open(path, 'r+')
    await handle.write(Buffer.from(Float32Array.of(5).buffer), 0, 4, 8 + header.length + 4 * (elements - 1))
    await handle.close()
    const before = process.memoryUsage().arrayBuffers
    expect([...(await readFloat32(await readSafetensors(path), 'b'))]).toEqual([5])
    const rows = await readTensor(await readSafetensors(path), 'a', { rows: [elements - 3, elements - 1] })
    expect(rows).toEqual({ dtype: 'float32', shape: [2], data: Float32Array.of(0, 0) })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
    await rm(path)
  })
})
