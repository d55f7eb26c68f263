import { describe, expect, it } from 'vitest'
import { attributes, pools } from './lexicon'
import { random } from './random'
import { oneOffs } from './reading'
import { wordingCounts, wordings } from './wordings'
import { buildWorld, worldSize } from './world'

const world = buildWorld({ seed: 1 })

describe('the invented world', () => {
  it('has at least 320 diseases with one value for each of the 8 attributes', () => {
    expect(world.diseases.length).toBeGreaterThanOrEqual(320)
    for (const { facts } of world.diseases) expect(facts.map((fact) => fact.attribute)).toEqual(attributes)
    for (const fact of world.diseases.flatMap((d) => d.facts)) expect(pools[fact.attribute]).toContain(fact.value)
  })

  it('draws values from pools of 24 to 40 terms that share no term', () => {
    const all = attributes.flatMap((attribute) => pools[attribute])
    expect(new Set(all).size).toBe(all.length)
    for (const attribute of attributes) {
      expect(pools[attribute].length).toBeGreaterThanOrEqual(24)
      expect(pools[attribute].length).toBeLessThanOrEqual(40)
    }
  })

  it('has no value that is part of another, so that an answer can be found by its text', () => {
    for (const attribute of attributes)
      for (const value of pools[attribute])
        expect(pools[attribute].filter((other) => other.includes(value))).toEqual([value])
  })

  it('gives no two diseases the same place and organ, nor the same organ and ending', () => {
    const pairs = (i: number): Set<string> => new Set(world.diseases.map(({ parts }) => parts[i]! + parts[i + 1]!))
    expect(pairs(0).size).toBe(world.diseases.length)
    expect(pairs(1).size).toBe(world.diseases.length)
  })

  it('puts every fact into exactly one split, with the stated sizes', () => {
    const sizes = Object.fromEntries(Object.entries(world.facts).map(([split, facts]) => [split, facts.length]))
    const { known, added, retrieved, retrievedForValidation, askedInTraining, askedInTest } = worldSize
    expect(sizes).toEqual({
      p: known * 8,
      a: askedInTraining * 8,
      b: askedInTest * 8,
      v: (added - askedInTraining - askedInTest) * 8,
      c: (retrieved - retrievedForValidation) * 8,
      w: retrievedForValidation * 8,
    })
    const keys = Object.values(world.facts).flatMap((facts) => facts.map((f) => `${f.name}/${f.attribute}`))
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys.length).toBe(world.diseases.length * 8)
  })

  it('is the same for the same seed and another for another', () => {
    expect(buildWorld({ seed: 1 }).diseases).toEqual(world.diseases)
    expect(buildWorld({ seed: 2 }).diseases).not.toEqual(world.diseases)
  })

  it('draws one-off diseases that no disease of the world can be taken for', () => {
    const source = oneOffs(world)
    const rng = random(1, 'test')
    const taken = new Set(world.diseases.map(({ parts }) => parts[0] + parts[1]))
    for (let i = 0; i < 500; i++) {
      const first = source.draw(rng)
      const second = source.like(first, rng)
      expect(taken.has(first.parts[0] + first.parts[1]) || taken.has(second.parts[0] + second.parts[1])).toBe(false)
      expect(second.parts.some((part, at) => part === first.parts[at])).toBe(true)
      expect(second.name).not.toBe(first.name)
    }
  })
})

describe('the wordings', () => {
  it('are at least six for training, two held out and three for questions', () => {
    expect(wordingCounts).toEqual({ told: 6, heldOut: 2, asked: 3 })
  })

  it('put the value before the name in a third of the training wordings', () => {
    for (const attribute of attributes) {
      const { told } = wordings[attribute]
      expect(told.filter((text) => text.indexOf('V') < text.indexOf('N')).length * 3).toBe(told.length)
    }
  })

  it('hold each name and value once, and are all different', () => {
    for (const attribute of attributes) {
      const { told, heldOut, asked } = wordings[attribute]
      for (const text of [...told, ...heldOut]) expect(text.replace(/[^NV]/g, '').length).toBe(2)
      for (const text of asked) expect(text.replace(/[^NV]/g, '')).toBe('N')
    }
    const all = attributes.flatMap((a) => [...wordings[a].told, ...wordings[a].heldOut, ...wordings[a].asked])
    expect(new Set(all).size).toBe(all.length)
  })
})
