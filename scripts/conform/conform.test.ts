import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { conform } from './conform'
import { ConformError } from './errors'

const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

/** A repository with golden files and kinds as given, and what a run over it printed and returned. */
const setUp = (golden: readonly string[], kinds: Readonly<Record<string, string>> = {}) => {
  const folder = mkdtempSync(join(tmpdir(), 'conform-'))
  folders.push(folder)
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  write('repo/kinds/readme.md', 'not a kind')
  for (const path of golden) write(`shared/golden/${path}`, '{}')
  for (const [name, source] of Object.entries(kinds)) write(`repo/kinds/${name}`, source)
  const run = async (...argv: string[]): Promise<{ code: number; lines: string[] }> => {
    const lines: string[] = []
    const root = join(folder, 'repo')
    const code = await conform(argv, { root, kinds: join(root, 'kinds'), print: (line) => lines.push(line) })
    return { code, lines }
  }
  return { folder, run }
}

const kindSource = (prefix: string, cases: string): string =>
  `export const kind = { prefix: '${prefix}', discover: ({ golden, data }) => [${cases}] }`

const curve = `{ path: 'curves/sft', name: 'loss', run: () => ({ difference: 1.5e-5, tolerance: 2e-4 }) }`

describe('conform', () => {
  it('runs the cases of every kind in order of path and closes with the counts', async () => {
    const { run } = setUp(['schedules/schedules.json', 'curves/sft.json'], {
      'a.ts': kindSource(
        'schedules',
        `{ path: 'schedules/schedules', name: 'cosine', run: async () => ({ difference: 0, tolerance: 1e-9, detail: '101 steps' }) }`,
      ),
      'b.ts': kindSource('curves', curve),
    })
    expect(await run()).toEqual({
      code: 0,
      lines: [
        'ok   curves/sft loss  diff 1.5e-5  tol 2e-4',
        'ok   schedules/schedules cosine  diff 0  tol 1e-9  101 steps',
        '2 passed, 0 failed, 0 skipped',
      ],
    })
  })

  it('fails a difference above the tolerance, NaN, a negative one and an exception, each in one line', async () => {
    const outcomes = ['difference: 0.0021', 'difference: NaN', 'difference: -1'].map(
      (difference, i) => `{ path: 'losses/dpo', name: 'c${i}', run: () => ({ ${difference}, tolerance: 1e-3 }) }`,
    )
    const thrown = `{ path: 'losses/kto', name: 'kl', run: () => { throw new Error('first\\nsecond') } }`
    const { run } = setUp(['losses/dpo.json'], { 'losses.ts': kindSource('losses', [...outcomes, thrown].join()) })
    expect(await run()).toEqual({
      code: 1,
      lines: [
        'FAIL losses/dpo c0  diff 0.0021  tol 0.001',
        'FAIL losses/dpo c1  diff NaN  tol 0.001',
        'FAIL losses/dpo c2  diff -1  tol 0.001',
        'FAIL losses/kto kl  first second',
        '0 passed, 4 failed, 0 skipped',
      ],
    })
  })

  it('skips golden files that no kind claims by name, and passes over helper files and generators', async () => {
    const { run } = setUp([
      'verify.json',
      'generate/options.json',
      'models/llama/golden.json',
      'models/llama/config.json',
      'lora/dora/golden.json',
      'lora/pissa.json',
      'text/chat/templates.json',
      'text/metrics/pairs.json',
      'text/metrics/rouge.json',
      'text/tokenizers/bpe.tokenizer.json',
      'text/tokenizers/bpe.json',
    ])
    const { code, lines } = await run()
    expect(code).toBe(0)
    expect(lines).toEqual([
      'skip lora/dora  no kind reads this file yet',
      'skip lora/pissa  no kind reads this file yet',
      'skip models/llama  no kind reads this file yet',
      'skip text/metrics/rouge  no kind reads this file yet',
      'skip text/tokenizers/bpe  no kind reads this file yet',
      '0 passed, 0 failed, 5 skipped',
    ])
  })

  it('counts a case that its kind skips with the reason given', async () => {
    const { run } = setUp(['losses/grpo.json'], {
      'a.ts': kindSource('losses', `{ path: 'losses/grpo', name: 'vespo', run: () => ({ skipped: 'needs a GPU' }) }`),
    })
    expect((await run()).lines).toEqual(['skip losses/grpo vespo  needs a GPU', '0 passed, 0 failed, 1 skipped'])
  })

  it('fails, once, for a kind that cannot discover its cases and for a kind that cannot be loaded', async () => {
    const { run } = setUp(['curves/a.json', 'curves/b.json'], {
      'broken.ts': `throw new Error('no such module')`,
      'curves.ts': `export const kinds = [{ prefix: 'curves', discover: () => { throw new Error('a.json: bad JSON') } }]`,
      'empty.ts': 'export const other = 1',
    })
    expect(await run()).toEqual({
      code: 1,
      lines: [
        'FAIL kinds/broken.ts  cannot be loaded: no such module',
        "FAIL kinds/empty.ts  cannot be loaded: expected an export named 'kind' or 'kinds', got other",
        'FAIL curves (discover)  a.json: bad JSON',
        '0 passed, 3 failed, 0 skipped',
      ],
    })
  })

  it('fails a kind whose case lies outside its prefix, which --only would miss', async () => {
    const { run } = setUp(['curves/sft.json'], { 'a.ts': kindSource('schedules', curve) })
    expect((await run()).lines[1]).toBe(
      "FAIL schedules (discover)  case path curves/sft does not lie below the kind's prefix schedules",
    )
  })

  it('gives kinds the golden folder named first and the data folder named by --data', async () => {
    const { run, folder } = setUp(['curves/sft.json'], {
      'a.ts': kindSource('curves', `{ path: 'curves/sft', name: golden + '|' + data, run: () => ({ skipped: '-' }) }`),
    })
    const golden = join(folder, 'shared/golden')
    const { lines } = await run(golden, '--data', folder)
    expect(lines[0]).toBe(`skip curves/sft ${golden}|${folder}  -`)
    expect((await run()).lines[0]).toBe(`skip curves/sft ${golden}|undefined  -`)
  })

  it('says why it runs nothing when the default folder is absent', async () => {
    const { run } = setUp([])
    expect(await run()).toEqual({
      code: 0,
      lines: [
        'conform: no golden folder at ../shared/golden. Name one: npm run conform -- DIR',
        '0 passed, 0 failed, 0 skipped',
      ],
    })
  })

  it('prints only what did not pass with --quiet, and counts the rest', async () => {
    const { run } = setUp(['curves/sft.json', 'curves/dpo.json'], { 'a.ts': kindSource('curves', curve) })
    expect((await run('--quiet')).lines).toEqual([
      'skip curves/dpo  no kind reads this file yet',
      '1 passed, 0 failed, 1 skipped',
    ])
  })
})

describe('conform --only', () => {
  const golden = ['lora/lora/golden.json', 'lora/loraplus.json', 'curves/sft.json', 'losses/dpo.json']
  const names = async (only: string): Promise<string[]> => {
    const losses = ['sigmoid', 'sigmoid_norm'].map(
      (name) => `{ path: 'losses/dpo', name: '${name}', run: () => ({ difference: 0, tolerance: 1 }) }`,
    )
    const { run } = setUp(golden, { 'a.ts': kindSource('losses', losses.join()) })
    const { lines } = await run('--only', only)
    return lines.slice(0, -1).map((line) => line.slice(0, line.indexOf('  ', 5)))
  }

  it('takes whole path parts: lora/lora leaves lora/loraplus out', async () => {
    expect(await names('lora/lora,curves')).toEqual(['skip curves/sft', 'skip lora/lora'])
  })

  it('takes a case by its path and name', async () => {
    expect(await names('losses/dpo/sigmoid')).toEqual(['ok   losses/dpo sigmoid'])
  })

  it('accepts file names, a leading ./ and a trailing slash', async () => {
    expect(await names('curves/sft.json,./lora/lora/golden.json,losses/')).toEqual([
      'skip curves/sft',
      'skip lora/lora',
      'ok   losses/dpo sigmoid',
      'ok   losses/dpo sigmoid_norm',
    ])
  })

  it('fails for a path that matches nothing, after running the others', async () => {
    const { run } = setUp(golden)
    expect(await run('--only', 'curves,lora/lor')).toEqual({
      code: 1,
      lines: [
        'skip curves/sft  no kind reads this file yet',
        'FAIL lora/lor  --only matches no golden file and no case. Check the path, or leave it out.',
        '0 passed, 1 failed, 1 skipped',
      ],
    })
  })
})

describe('the command line', () => {
  const message = async (...argv: string[]): Promise<string> => {
    const error = await setUp([])
      .run(...argv)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConformError)
    return (error as ConformError).message
  }

  it('refuses a named folder that is not there, in one sentence', async () => {
    expect(await message('absent/golden')).toMatchInlineSnapshot(
      `"conform: expected a golden folder, got absent/golden, which is not a folder. Check the path."`,
    )
    expect(await message('--data', 'absent')).toMatchInlineSnapshot(
      `"conform: expected a data folder, got absent, which is not a folder. Check the path."`,
    )
  })

  it('refuses an empty --only, a second folder and an unknown option', async () => {
    expect(await message('--only', 'a,,b')).toMatchInlineSnapshot(
      `"conform: --only expects paths separated by commas, got an empty one. Remove it, or name a path such as 'losses'."`,
    )
    expect(await message('a', 'b')).toMatchInlineSnapshot(
      `"conform: expected one folder, got a and b. Separate --only paths by commas."`,
    )
    expect(await message('--onyl', 'a')).toContain("Unknown option '--onyl'")
  })
})
