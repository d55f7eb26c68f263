import { createHash } from 'node:crypto'
import type { Tokenizer } from './types'

/** Texts that tokenizers cut in different ways. */
const probes = [
  '患者，男，45岁，高血压病史10年，能吃党参吗？',
  'The patient took 2.5 mg of apixaban twice daily.\n\n',
  '①③℃µＡＢＣ　全角 half  two blanks\ttab 😀𠮷',
]

/** A text that differs for tokenizers that differ in their sizes, special tokens or what they make of some probing texts. */
export function tokenizerFingerprint(tokenizer: Tokenizer): string {
  const { bosId, eosId, padId, vocabularySize } = tokenizer
  const ids = probes.map((text) => Array.from(tokenizer.encode(text)))
  return createHash('sha256')
    .update(JSON.stringify([bosId, eosId, padId, vocabularySize, ids]))
    .digest('hex')
    .slice(0, 16)
}
