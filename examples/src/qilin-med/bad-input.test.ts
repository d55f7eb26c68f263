import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { miniChimedFolder } from './mini-domain'

const program = fileURLToPath(new URL('./main.ts', import.meta.url))
const mini = fileURLToPath(new URL('../../models/mini', import.meta.url))
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'qilin-med-bad-input-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts the program and returns its exit code and the last line it wrote. */
const start = (...args: string[]): { code: number | null; said: string } => {
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '-C', 'source', program, ...args], {
    encoding: 'utf8',
    timeout: 60_000, // a start that is not refused goes on for minutes
  })
  return { code: status, said: stderr.trim().split('\n').at(-1)! }
}

/** A copy of the embedded model with something broken, and a run folder that holds an earlier checkpoint. */
const broken = (name: string, damage: (model: string) => void): { model: string; out: string; checkpoint: string } => {
  const [model, out] = [join(folder, name, 'model'), join(folder, name, 'out')]
  cpSync(mini, model, { recursive: true })
  damage(model)
  const checkpoint = join(out, 'checkpoints', 'cpt', 'kept')
  mkdirSync(join(out, 'checkpoints', 'cpt'), { recursive: true })
  writeFileSync(checkpoint, 'earlier')
  return { model, out, checkpoint }
}

const editConfig = (model: string, edit: Record<string, unknown>): void => {
  const path = join(model, 'config.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...edit }))
}

test.each([
  ['weights', (model: string) => rmSync(join(model, 'model.safetensors')), /expected model\.safetensors .*got neither/],
  ['cut', (model: string) => truncateSync(join(model, 'model.safetensors'), 5_000_000), /model\.safetensors/],
  [
    'shape',
    (model: string) => editConfig(model, { vocab_size: 1700 }),
    /embed_tokens\.weight must have shape \[1700,192\]/,
  ],
  [
    'family',
    (model: string) => editConfig(model, { model_type: 'unheard' }),
    /expected model_type to be one of llama, .*got "unheard"/,
  ],
  ['config', (model: string) => writeFileSync(join(model, 'config.json'), '{'), /config\.json.*expected JSON/],
  [
    'tokenizer',
    (model: string) => rmSync(join(model, 'tokenizer.json')),
    /expected tokenizer\.json or tokenizer\.model/,
  ],
])(
  'a model with bad %s ends in one sentence, code 1, and an untouched earlier checkpoint',
  (name, damage, sentence) => {
    const { model, out, checkpoint } = broken(name, damage)
    const { code, said } = start('--model', model, '--out', out)
    expect(said).toMatch(sentence)
    expect(code).toBe(1)
    expect(existsSync(checkpoint)).toBe(true)
  },
)

test('weights that are no numbers end before anything is trained', () => {
  const { model, out } = broken('nan', (path) => {
    const file = join(path, 'model.safetensors')
    const bytes = readFileSync(file)
    bytes.fill(0xff, bytes.length - 4_000)
    writeFileSync(file, bytes)
  })
  const { code, said } = start('--model', model, '--out', out)
  expect(said).toMatch(/evaluate: expected log-probabilities, got NaN/)
  expect(code).toBe(1)
  expect(existsSync(join(out, 'adapters'))).toBe(false)
})

test('an output folder that is a file ends in one sentence', () => {
  const path = join(folder, 'file')
  writeFileSync(path, '')
  const { code, said } = start('--out', path)
  expect(said).toMatch(/--out .*file must be a folder that can be written, got (EEXIST|ENOTDIR)/)
  expect(code).toBe(1)
})

test.each([
  [['--seed', 'one'], /--seed must be a whole number of at least 0, got 'one'/],
  [['--ablation', 'all'], /--ablation must be one of none, no-replay, one-wording, no-cpt, got 'all'/],
  [['--unknown'], /Unknown option '--unknown'/],
])('%j is refused by name', (args, sentence) => {
  const { code, said } = start(...args)
  expect(said).toMatch(sentence)
  expect(code).toBe(1)
})

/** A copy of the embedded data with something broken, and a run folder that holds an earlier checkpoint. */
const brokenData = (name: string, damage: (data: string) => void) => {
  const [data, out] = [join(folder, `${name}-data`), join(folder, `${name}-run`)]
  cpSync(miniChimedFolder, data, { recursive: true })
  damage(data)
  const checkpoint = join(out, 'checkpoints', 'cpt', 'kept')
  mkdirSync(join(out, 'checkpoints', 'cpt'), { recursive: true })
  writeFileSync(checkpoint, 'earlier')
  return { data, out, checkpoint }
}

const replaceLine = (path: string, line: number, change: (text: Buffer) => Buffer): void => {
  const lines = readFileSync(path, 'latin1').split('\n')
  lines[line - 1] = change(Buffer.from(lines[line - 1]!, 'latin1')).toString('latin1')
  writeFileSync(path, lines.join('\n'), 'latin1')
}

test.each([
  [
    'an empty file',
    (data: string) => writeFileSync(join(data, 'cmexam', 'train.csv'), ''),
    /expected data, got an empty file .*train\.csv/,
  ],
  [
    'a broken JSON line',
    (data: string) =>
      replaceLine(join(data, 'huatuo_encyclopedia_qa/train_datasets.jsonl'), 7, (text) => text.subarray(0, 16)),
    /train_datasets\.jsonl:7: not JSON .*--skip-damaged/,
  ],
  [
    'bytes of another encoding',
    (data: string) =>
      replaceLine(join(data, 'huatuo_encyclopedia_qa/train_datasets.jsonl'), 9, (text) =>
        Buffer.concat([text.subarray(0, 30), Buffer.of(0xff), text.subarray(30)]),
      ),
    /train_datasets\.jsonl:9: bytes that are not valid/,
  ],
  [
    'a test question without an answer',
    (data: string) => {
      const path = join(data, 'eval', 'exam-b.csv')
      writeFileSync(path, readFileSync(path, 'utf8').replace(/",([A-E]),/, '",,'))
    },
    /exam-b\.csv:\d+: expected a question with its answer, got no answer/,
  ],
])(
  'data with %s end in one sentence, code 1, and an untouched earlier checkpoint of another run',
  (name, damage, sentence) => {
    const { data, out, checkpoint } = brokenData(name.replaceAll(' ', '-'), damage)
    const { code, said } = start('--data', data, '--out', out, '--resume')
    expect(said).toMatch(sentence)
    expect(code).toBe(1)
    expect(existsSync(checkpoint)).toBe(true)
  },
)

test('a full disk ends in one sentence', (context) => {
  const out = join(folder, 'full')
  mkdirSync(out)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', out])
  if (mounted.status !== 0) return context.skip('a small file system cannot be mounted here')
  try {
    const { code, said } = start('--out', out)
    expect(said).toMatch(/could not be written|expected room|ENOSPC/)
    expect(said).toContain(out)
    expect(code).toBe(1)
  } finally {
    spawnSync('umount', [out])
  }
})

test('a broken line and a missing file of real data are named', () => {
  const data = join(folder, 'data')
  expect(start('--data', data, '--out', join(folder, 'real')).said).toMatch(/cmexam_val\.jsonl\.gz/)
  mkdirSync(join(data, 'qa'), { recursive: true })
  writeFileSync(join(data, 'qa', 'cmexam_val.jsonl.gz'), '{"Question": "甲", \n')
  const { code, said } = start('--data', data, '--out', join(folder, 'real'))
  expect(said).toMatch(/cmexam_val\.jsonl\.gz/)
  expect(code).toBe(1)
})
