import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TrainError } from '../errors'
import type { EvalEnd, RunStart, StepEnd, TrainEvent } from '../loop/events'
import { csv } from './csv'
import { htmlReport } from './html-report'
import { jsonl } from './jsonl'
import { duration, progressBar } from './progress-bar'
import { type Reporter, reportTo } from './reporter'
import { tensorboard } from './tensorboard'
import { crc32c } from './tensorboard/crc32c'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'train-reporters-'))
})
afterEach(() => rm(folder, { recursive: true }))

const stepEnd = (step: number): StepEnd => ({
  type: 'step-end',
  step,
  totalSteps: 4,
  epoch: step / 4,
  loss: 4 / step,
  metrics: { 'rewards/margins': step, num_tokens: 1000 * step },
  gradNorm: 0.5,
  learningRate: 0.001 * step,
  tokens: 1000,
  tokensPerSecond: 1234.4,
  etaSeconds: 30 * (4 - step),
})
const runStart = (step = 0): RunStart => ({
  type: 'run-start',
  step,
  totalSteps: 4,
  stepsPerEpoch: 4,
  rows: 8,
  trainedParameters: 96,
  resumedFrom: step ? `out/checkpoint-${step}` : undefined,
  history: [1, 2, 3].slice(0, step).map(stepEnd),
  evaluations: [],
})
const evalEnd: EvalEnd = { type: 'eval-end', step: 4, loss: 1.5, metrics: { 'rewards/margins': 0.25 } }
const runEnd: TrainEvent = { type: 'run-end', step: 4, reason: 'done', seconds: 200 }
const whole: TrainEvent[] = [runStart(), ...[1, 2, 3, 4].map(stepEnd), evalEnd, runEnd]

const feed = async (report: Reporter, events: readonly TrainEvent[]): Promise<void> => {
  for (const event of events) await report(event)
}

describe('progressBar', () => {
  const written = async (events: readonly TrainEvent[], options: Partial<Parameters<typeof progressBar>[0]> = {}) => {
    let text = ''
    const stream = { write: (part: string) => (text += part), columns: 100 }
    await feed(progressBar({ stream, label: 'sft', ...options }), events)
    return text
  }

  it('overwrites one line with bar, loss, pace and time left on a terminal', async () => {
    const text = await written([stepEnd(1), stepEnd(2)], { live: true })
    expect(text).not.toContain('\n')
    expect(text.split('\r\u001b[K').at(-1)).toMatchInlineSnapshot(
      `"sft  ████████████████████░░░░░░░░░░░░░░░░░░░░  2/4  loss 2.0000  1,234 tokens/s  1m 00s left"`,
    )
  })

  it('writes plain lines elsewhere, as many as asked for', async () => {
    expect(await written(whole, { lines: 2 })).toMatchInlineSnapshot(`
      "sft  1/4  loss 4.0000  1,234 tokens/s  1m 30s left
      sft  2/4  loss 2.0000  1,234 tokens/s  1m 00s left
      sft  4/4  loss 1.0000  1,234 tokens/s  0s left
      sft  evaluation after step 4: loss 1.5000  rewards/margins 0.2500
      sft  done after 4 steps in 3m 20s
      "
    `)
  })

  it('says where a resumed run goes on, and what was wrong', async () => {
    const warning: TrainEvent = { type: 'warning', code: 'bad-checkpoint', message: 'checkpoint-4 is cut off' }
    expect(await written([warning, runStart(3)])).toMatchInlineSnapshot(`
      "sft  warning: checkpoint-4 is cut off
      sft  goes on after step 3 from out/checkpoint-3
      "
    `)
  })

  it('fits narrow terminals', async () => {
    const stream = { text: '', write: (part: string) => (stream.text += part), columns: 30, isTTY: true }
    progressBar({ stream })(stepEnd(2))
    expect(stream.text.length - '\r\u001b[K'.length).toBeLessThan(30)
  })

  it('duration gives two units at most', () => {
    expect([0.4, 59, 60, 3599, 3600, 90_061].map(duration)).toEqual([
      '0s',
      '59s',
      '1m 00s',
      '59m 59s',
      '1h 00m',
      '25h 01m',
    ])
  })
})

describe.each([
  ['jsonl', jsonl],
  ['csv', csv],
])('%s', (_, make) => {
  it('holds every step once after a run that was killed past its checkpoint, mid-line, and resumed', async () => {
    const [unbroken, killed] = [join(folder, 'a', 'log'), join(folder, 'b', 'log')]
    await feed(make(unbroken), [runStart(), stepEnd(1), stepEnd(2), stepEnd(3), stepEnd(4), runEnd])
    await feed(make(killed), [runStart(), stepEnd(1), stepEnd(2), stepEnd(3)])
    await writeFile(killed, (await readFile(killed, 'utf8')).slice(0, -5))
    await feed(make(killed), [runStart(2), stepEnd(3), stepEnd(4), runEnd])
    const steps = async (path: string) =>
      (await readFile(path, 'utf8')).split('\n').filter((line) => /^train|step-end/.test(line))
    expect(await steps(killed)).toEqual(await steps(unbroken))
    expect((await steps(killed)).length).toBe(4)
  })

  it('starts anew with a new run', async () => {
    const path = join(folder, 'log')
    await feed(make(path), whole)
    const before = await readFile(path, 'utf8')
    await feed(make(path), whole)
    expect(await readFile(path, 'utf8')).toBe(before)
  })

  it('names the file it cannot write', async () => {
    await writeFile(join(folder, 'file'), '')
    const path = join(folder, 'file', 'log')
    const error: TrainError = await feed(make(path), whole).catch((caught) => caught)
    expect([error.code, error.path]).toEqual(['report-write', path])
  })
})

it('csv has a header, one row per step and one per evaluation', async () => {
  await feed(csv(join(folder, 'log.csv')), [runStart(), stepEnd(4), evalEnd])
  expect(await readFile(join(folder, 'log.csv'), 'utf8')).toMatchInlineSnapshot(`
    "split,step,epoch,loss,learning_rate,grad_norm,rewards/margins,num_tokens
    train,4,1,1,0.004,0.5,4,4000
    eval,4,,1.5,,,0.25,
    "
  `)
})

it('crc32c gives the check value of the polynomial', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
})

describe('tensorboard', () => {
  /** Payloads of the records of a file; lengths and both checksums are checked on the way. */
  const recordsOf = (bytes: Buffer): Buffer[] => {
    const unmask = (crc: number) => {
      const rotated = (crc - 0xa282ead8) >>> 0
      return ((rotated << 15) | (rotated >>> 17)) >>> 0
    }
    const payloads: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = Number(bytes.readBigUInt64LE(at))
      expect(unmask(bytes.readUInt32LE(at + 8))).toBe(crc32c(bytes.subarray(at, at + 8)))
      const payload = bytes.subarray(at + 12, at + 12 + length)
      expect(unmask(bytes.readUInt32LE(at + 12 + length))).toBe(crc32c(payload))
      payloads.push(payload)
      at += 16 + length
    }
    return payloads
  }

  it('writes a version record and one record per step and evaluation, with the tags of transformers', async () => {
    await feed(tensorboard(folder, { now: () => 1_700_000_000 }), whole)
    const [name] = await readdir(folder)
    expect(name).toBe('events.out.tfevents.1700000000.qilin-med.0')
    const records = recordsOf(await readFile(join(folder, name!)))
    expect(records.length).toBe(6)
    expect(records[0]!.includes('brain.Event:2')).toBe(true)
    for (const tag of ['train/loss', 'train/grad_norm', 'train/learning_rate', 'train/epoch', 'train/rewards/margins'])
      expect(records[1]!.includes(tag)).toBe(true)
    expect(records[5]!.includes('eval/rewards/margins')).toBe(true)
  })

  it('encodes a scalar as the protocol buffers say', async () => {
    const { summary } = await import('./tensorboard/event')
    // wall time 1 (double), step 300 (varint), summary { value { tag "a", simple value 1.5 } }
    const expected = '09000000000000f03f10ac022a0a0a080a01611500 00c03f'.replace(' ', '')
    expect(Buffer.from(summary(1, 300, { a: 1.5 })).toString('hex')).toBe(expected)
  })

  it('starts a session at the first repeated step when a run is resumed', async () => {
    await feed(tensorboard(folder, { now: () => 1_700_000_001 }), [runStart(2), stepEnd(3)])
    const [name] = await readdir(folder)
    const records = recordsOf(await readFile(join(folder, name!)))
    expect(records[1]!.subarray(9).toString('hex')).toBe('10033a020801') // step 3, session log { status: START }
  })
})

describe('htmlReport', () => {
  it('is one page with a chart for loss, gradient norm, rate and each metric, and nothing from outside', async () => {
    const path = join(folder, 'report', 'run.html')
    await feed(htmlReport(path, { title: 'A <b> & "C"' }), whole)
    const page = await readFile(path, 'utf8')
    expect(page.match(/<svg /g)?.length).toBe(5)
    expect(page).toContain('A &lt;b&gt; &amp; &quot;C&quot;')
    expect(page).toContain('3m 20s')
    expect(page).not.toMatch(/https?:|<script|src=/)
  })

  it('draws history and new steps of a resumed run', async () => {
    const path = join(folder, 'run.html')
    await feed(htmlReport(path), [runStart(3), stepEnd(4), runEnd])
    expect(await readFile(path, 'utf8')).toContain('<dd>4 of 4</dd>')
  })
})

it('reportTo hands every event to every reporter in order', async () => {
  const seen: string[] = []
  const note =
    (name: string): Reporter =>
    async ({ type }) =>
      void seen.push(`${name} ${type}`)
  await feed(reportTo(note('a'), note('b')), [runStart(), runEnd])
  expect(seen).toEqual(['a run-start', 'b run-start', 'a run-end', 'b run-end'])
})
