import { join } from 'node:path'
import { type BuildOptions, decontaminate, dedup, normalise, sources, type Tokenizer, tests } from '@qilin-med/chimed'

/** What the processes of this example need to know of each other. */
export interface Job {
  readonly data: string
  readonly out: string
  /** Documents. */
  readonly count: number
  readonly seed: number
  readonly workers: number
}

/** Documents of one raw file. */
export const fileRows = 50_000

/** Name of a raw file. */
export const rawName = (file: number): string => `part-${String(file).padStart(4, '0')}.jsonl`

/** A token for every UTF-16 unit: as fast as the disk, so that the figures are those of the data tools. */
const characters: Tokenizer = {
  encode: (text, { addSpecialTokens = true } = {}) => {
    const ids = new Uint16Array(text.length + (addSpecialTokens ? 1 : 0))
    for (let i = 0; i < text.length; i++) ids[i] = text.charCodeAt(i)
    if (addSpecialTokens) ids[text.length] = 3
    return ids
  },
  decode: (ids) => String.fromCharCode(...Array.from(ids)),
  eosId: 3,
  vocabularySize: 65536,
}

/** The build that is measured. */
export const buildOptions = ({ out }: Job, questions: readonly string[]): BuildOptions & { readonly out: string } => ({
  out: join(out, 'chimed'),
  cpt: [sources.conversations(join(out, 'raw'), { name: 'synthetic' })],
  steps: [
    normalise(),
    dedup.exact(),
    dedup.minhash({ threshold: 0.8 }),
    decontaminate({
      against: [
        tests.items(
          questions.map((question) => ({ question, context: '' })),
          { name: 'C-Eval' },
        ),
      ],
    }),
    dedup.substring({ minBytes: 150 }), // last: it would take a question that leaked twice out of both rows
  ],
  tokenizer: characters,
  tokens: { cpt: { blockSize: 2048, packing: 'bfd' } },
  dropped: true,
})
