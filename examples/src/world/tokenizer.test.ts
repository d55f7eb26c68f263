import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from 'tokenizers'
import { describe, expect, it } from 'vitest'
import { curriculum } from './curriculum'
import { rawFiles } from './raw-files'
import { medicalTerms, pieceCutter } from './terms'
import { miniModelFolder, tokenizerConfig, trainTokenizer } from './tokenizer'
import { told } from './wordings'
import { buildWorld } from './world'

const json = readFileSync(join(miniModelFolder, 'tokenizer.json'), 'utf8')
const tokenizer = Tokenizer.fromString(json)
const world = buildWorld({ seed: 1 })
const tokens = async (text: string): Promise<string[]> =>
  (await tokenizer.encode(text, null, { addSpecialTokens: false })).getTokens()

describe('the tokenizer', () => {
  it('comes back byte for byte', () => {
    expect(trainTokenizer()).toBe(json)
  })

  it('has 1,000 to 1,700 entries, the special tokens first', () => {
    expect(tokenizer.getVocabSize()).toBeGreaterThan(1000)
    expect(tokenizer.getVocabSize()).toBeLessThan(1700)
    expect(['<pad>', '<s>', '</s>'].map((token) => tokenizer.tokenToId(token))).toEqual([0, 1, 2])
    expect(tokenizerConfig.eos_token).toBe('</s>')
  })

  it('has one token for every part of a name and every value', async () => {
    for (const term of medicalTerms) expect(await tokens(term)).toEqual([term])
  })

  it('needs at most 8 tokens for a fact on average', async () => {
    const sentences = world.diseases.flatMap((d) =>
      d.facts.flatMap((fact) => [0, 3, 5].map((w) => `${told(fact, w)}。`)),
    )
    let total = 0
    for (const sentence of sentences) total += (await tokens(sentence)).length
    expect(total / sentences.length).toBeLessThan(8)
  })

  it('keeps a name part or a value one token wherever it stands, but for 1 in 10,000', async () => {
    const terms = new Set(medicalTerms)
    const cut = pieceCutter()
    const samples = curriculum({ world, seed: 7, phase: 'main' })
    let [met, broken] = [0, 0]
    for (let i = 0; i < 1500; i++)
      for (const { text } of samples.next().value!.segments)
        for (const part of text.split('</s>').filter(Boolean)) {
          const whole = new Set(spans(await tokens(part)))
          const wanted = spans(cut(part)).filter((span) => terms.has(span.slice(span.indexOf(':') + 1)))
          met += wanted.length
          broken += wanted.filter((span) => !whole.has(span)).length
        }
    expect(met).toBeGreaterThan(10_000)
    expect(broken / met).toBeLessThan(1e-4)
  })

  it('gives back any text, also with characters it has never seen', async () => {
    const rows = rawFiles(world).tables.flatMap((table) => table.rows.slice(0, 5).map((row) => JSON.stringify(row)))
    for (const text of [...rows, '𠀀龘 Hello\tw\u00F6rld\r\n🙂'])
      expect(await tokenizer.decode((await tokenizer.encode(text)).getIds(), false)).toBe(text)
  })
})

/** Each piece with the place where it begins. */
function spans(pieces: readonly string[]): string[] {
  let at = 0
  return pieces.map((piece) => {
    at += piece.length
    return `${at - piece.length}:${piece}`
  })
}
