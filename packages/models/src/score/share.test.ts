import { describe, expect, it } from 'vitest'
import { sharedBeginnings } from './share'

const range = (begin: number, length: number): number[] => Array.from({ length }, (_, i) => begin + i)

/** Tokens computed when each group's beginning is computed once. */
const computed = (prompts: readonly number[][], groups: ReturnType<typeof sharedBeginnings>): number =>
  groups.reduce(
    (sum, { length, members }) =>
      sum + length + members.reduce((rest, index) => rest + prompts[index]!.length - length, 0),
    0,
  )

describe('sharedBeginnings', () => {
  it('groups questions by their header', () => {
    const [one, other] = [range(0, 100), range(1000, 80)]
    const prompts = [[...one, 1, 5], [...other, 2, 5], [...one, 3, 5], [7], [...other, 4], [...one, 5]]
    expect(sharedBeginnings(prompts).sort((a, b) => b.length - a.length)).toEqual([
      { length: 100, members: [0, 2, 5] },
      { length: 80, members: [1, 4] },
      { length: 0, members: [3] },
    ])
  })

  it('leaves the last token of every prompt out, of equal prompts too', () => {
    const prompt = range(0, 200)
    expect(sharedBeginnings([prompt, prompt, [...prompt, 9]])).toEqual([{ length: 199, members: [0, 1, 2] }])
  })

  it('shares nothing where that saves too little, and takes no prompts', () => {
    expect(
      sharedBeginnings([
        [1, 2, 3],
        [1, 2, 4],
      ]),
    ).toEqual([
      { length: 0, members: [0] },
      { length: 0, members: [1] },
    ])
    expect(sharedBeginnings([])).toEqual([])
  })

  it('lets two with a long common beginning leave a group with a short one, when that saves more', () => {
    const short = range(0, 70)
    const long = [...short, ...range(500, 400)]
    const prompts = [
      [...long, 1],
      [...long, 2],
      [...short, 3],
      [...short, 4],
    ]
    const groups = sharedBeginnings(prompts)
    expect(groups.map(({ length }) => length).sort((a, b) => a - b)).toEqual([70, 470])
    expect(computed(prompts, groups)).toBe(470 + 2 + 70 + 2)
  })

  it('holds every request once, and never computes more than without sharing', () => {
    let state = 7
    const draw = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return (state >>> 8) % below
    }
    const parts = [range(0, 50), range(100, 90), range(300, 70)]
    for (let round = 0; round < 50; round++) {
      const prompts = Array.from({ length: 1 + draw(12) }, () => [
        ...Array.from({ length: draw(3) }, () => parts[draw(3)]!).flat(),
        draw(5),
        draw(5),
      ])
      const groups = sharedBeginnings(prompts)
      expect(groups.flatMap(({ members }) => members).sort((a, b) => a - b)).toEqual([...prompts.keys()])
      for (const { length, members } of groups)
        for (const index of members) {
          expect(prompts[index]!.length).toBeGreaterThan(length)
          expect(prompts[index]!.slice(0, length)).toEqual(prompts[members[0]!]!.slice(0, length))
        }
      expect(computed(prompts, groups)).toBeLessThanOrEqual(prompts.flat().length)
    }
  })
})
