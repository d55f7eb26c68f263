import { describe, expect, it } from 'vitest'
import { curriculum, type Phase, phaseMix, type Sample } from './curriculum'
import { buildWorld } from './world'

const world = buildWorld({ seed: 1 })
const take = (phase: Phase, count: number, seed = 1): Sample[] => {
  const samples = curriculum({ world, seed, phase })
  return Array.from({ length: count }, () => samples.next().value as Sample)
}
const textOf = ({ segments }: Sample): string => segments.map(({ text }) => text).join('')
const learntIn = ({ segments }: Sample): string => segments.map(({ text, loss }) => (loss ? text : '')).join('')

describe('the curriculum', () => {
  it('gives the same samples for the same seed, others for another', () => {
    expect(take('main', 200)).toEqual(take('main', 200))
    expect(take('main', 200)).not.toEqual(take('main', 200, 2))
  })

  it('names no disease outside the known ones, letter drills apart, whose random names do not count', () => {
    const samples = (['copy', 'letters', 'main'] as const).flatMap((phase) => take(phase, 4000))
    const text = samples.map((sample) => (sample.kind === 'letters' ? learntIn(sample) : textOf(sample))).join('\n')
    expect([...world.added, ...world.retrieved].filter(({ name }) => text.includes(name))).toEqual([])
    expect(world.known.filter(({ name }) => !text.includes(name))).toEqual([])
  })

  it.each(['copy', 'letters', 'main'] as const)('keeps the stated shares of text in phase %s', (phase) => {
    const samples = take(phase, 6000)
    const total = samples.reduce((sum, sample) => sum + textOf(sample).length, 0)
    for (const [kind, share] of Object.entries(phaseMix[phase])) {
      const written = samples.filter((s) => s.kind === kind).reduce((sum, sample) => sum + textOf(sample).length, 0)
      expect(written / total).toBeCloseTo(share, 1)
    }
  })

  it('counts neither questions, options nor contexts', () => {
    for (const sample of take('main', 3000)) {
      if (['text', 'triple', 'general'].includes(sample.kind)) continue
      expect(learntIn(sample)).not.toMatch(/选择题|资料|问：/)
    }
  })

  it('counts only the letter in a letter drill, and asks each list once', () => {
    for (const sample of take('letters', 500).filter(({ kind }) => kind === 'letters')) {
      const letter = learntIn(sample)
      const [, line, answer] = /选择题：(.*)答：(.*)，选.。<\/s>$/s.exec(textOf(sample))!
      expect(letter).toMatch(/^[A-E]$/)
      const options = [...line!.matchAll(/(?:^|[ ？])([A-E])([^ ]+)/g)].map(([, l, text]) => [l, text] as const)
      expect(options.filter(([, text]) => answer!.endsWith(text!)).map(([l]) => l)).toEqual([letter])
    }
  })

  it('repeats a pattern in a copying sample, of which the first time does not count', () => {
    for (const sample of take('copy', 300)) {
      const [first, rest] = sample.segments
      const repeats = rest!.text.slice(0, -4).split(first!.text)
      expect(repeats.every((part) => part === '')).toBe(true)
      expect(repeats.length - 1).toBeGreaterThanOrEqual(1)
    }
  })

  it('has the answer of a reading sample in its context', () => {
    for (const sample of take('main', 2000).filter(({ kind }) => kind === 'reading-exam')) {
      const [, context, , options, letter] = /资料：(.*。)选择题：(.*？)(A.*)答：.*，选(.)。<\/s>$/.exec(
        textOf(sample),
      )!
      const right = options!
        .split(' ')
        .find((option) => option.startsWith(letter!))!
        .slice(1)
      expect(context).toContain(right)
    }
  })

  it('ends every sample with the end token', () => {
    for (const sample of take('main', 500)) expect(textOf(sample).endsWith('</s>')).toBe(true)
  })
})
