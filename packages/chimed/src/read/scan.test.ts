import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { faultLog } from '../faults'
import { scanJsonlField } from './scan'

const folder = mkdtempSync(join(tmpdir(), 'chimed-scan-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function scan(
  content: string | Uint8Array,
  field: string,
): Promise<{ values: unknown[]; lines: number[]; faults: Record<string, number> }> {
  const path = join(folder, 'a.jsonl')
  writeFileSync(path, content)
  const log = faultLog()
  const rows = []
  for await (const batch of scanJsonlField(path, field, { onFault: log.add })) rows.push(...batch)
  return { values: rows.map(({ value }) => value), lines: rows.map(({ line }) => line), faults: log.counts() }
}

describe('scanJsonlField', () => {
  it('gives what JSON.parse gives, for any values and fields', async () => {
    const keys = fc.constantFrom('text', 'a', '键', 'te"xt', 'x\\')
    const rows = fc.array(fc.dictionary(keys, fc.jsonValue({ maxDepth: 2 })), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(rows, keys, fc.constantFrom(undefined, 1), async (objects, field, indent) => {
        const lines = objects.map((object) => JSON.stringify(object, undefined, indent).replaceAll('\n', ' '))
        const expected = lines.map((line) => JSON.parse(line)).filter((object) => Object.hasOwn(object, field))
        expect((await scan(lines.join('\n'), field)).values).toEqual(expected.map((object) => object[field]))
      }),
      { numRuns: 150 },
    )
  })

  it('takes the last of two equal keys and looks at the top level only', async () => {
    const { values, lines } = await scan(
      '{"a":{"text":1},"text":"一","text":"二"}\n\n{"b":[{"text":"三"}]}\n{"text":"四"}',
      'text',
    )
    expect(values).toEqual(['二', '四'])
    expect(lines).toEqual([1, 4])
  })

  it('reads every escape, all planes and long values as JSON.parse does', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 })
    const escaped = (value: string): string =>
      JSON.stringify(value).replace(/[\s\S]/gu, (c) =>
        c.codePointAt(0)! % 3 === 0 && c > '~' && c.length === 1
          ? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`
          : c,
      )
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), async (values) => {
        const lines = values.map((value) => `{ "x" : ${escaped(value)},\t"text":${escaped(`${value}é中😀\\/"`)} }`)
        const expected = lines.map((line) => JSON.parse(line).text)
        expect((await scan(lines.join('\r\n'), 'text')).values).toEqual(expected)
      }),
      { numRuns: 100 },
    )
    const long = '长文\n"引"'.repeat(400_000)
    expect((await scan(`{"text":${JSON.stringify(long)}}\n{"text":"后"}`, 'text')).values).toEqual([long, '后'])
  })

  it('refuses what JSON does not allow in the field', async () => {
    const lines = [
      '{"text":"a\tb"}',
      '{"text":"\\x"}',
      '{"text":"\\u12g4"}',
      '{"text":"\\u12',
      '{"text":"a\\',
      '{"text":"好"}',
    ]
    const { values, faults, lines: numbers } = await scan(lines.join('\n'), 'text')
    expect([values, numbers, faults]).toEqual([['好'], [6], { json: 5 }])
  })

  it('reports rows that end inside, are no JSON or do not decode', async () => {
    const content = Buffer.concat([
      Buffer.from('{"text":"一"}\n{"text":"二\nnope\n{"text":"'),
      Buffer.of(0xff),
      Buffer.from('"}\n{"text":"三"} x\n{"text":"四"}\n'),
    ])
    const { values, faults } = await scan(content, 'text')
    expect(values).toEqual(['一', '四'])
    expect(faults).toEqual({ json: 3, encoding: 1 })
  })
})
