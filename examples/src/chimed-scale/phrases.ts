import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { normaliseText, type Source, tests, textOf } from '@qilin-med/chimed'
import { chimedSmall } from '../chimed-real/corpora'

/** Shortest and longest piece of real text that is recombined: short enough that 50 characters in a row never come from one piece. */
const lengths = { min: 6, max: 16 }

/** Pieces of the real rows between punctuation marks, each once, in a fixed order. */
export async function realPhrases(data: string): Promise<string[]> {
  if (!existsSync(join(data, 'manifest.json')))
    throw new Error(
      `chimed-scale: expected the data folder with its manifest.json, got none at ${data}. Name it with --data.`,
    )
  const { cpt, sft } = chimedSmall(data)
  const phrases = new Set<string>()
  for (const source of [...cpt, ...sft] as readonly Source[]) {
    for await (const record of source.read({ onFault: () => {} })) {
      for (const piece of normaliseText(textOf(record)).split(/[^\p{Script=Han}\d]+/u))
        if (piece.length >= lengths.min && piece.length <= lengths.max) phrases.add(piece)
    }
  }
  return [...phrases].sort()
}

/** Questions of C-Eval, long enough to be unmistakable: they play the test set. */
export async function examQuestions(data: string): Promise<string[]> {
  const questions: string[] = []
  for await (const { question } of tests.ceval(join(data, 'eval/ceval/test')).items({ onFault: () => {} }))
    if (/^[\p{Script=Han}，、]{20,80}/u.test(question)) questions.push(question)
  return questions
}
