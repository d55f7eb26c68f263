import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BPE, charDelimiterSplit, Tokenizer } from 'tokenizers'
import { curriculum, type Phase } from './curriculum'
import { chatTemplate } from './formats'
import { allPieces, pieceCutter, recordLabels } from './terms'
import { buildWorld } from './world'

/** Where the embedded model lies in this repository. */
export const miniModelFolder = fileURLToPath(new URL('../../models/mini', import.meta.url))

/** The three special tokens; their ids are their places. */
export const specialTokens = ['<pad>', '<s>', '</s>'] as const

/** Characters that must have a token of their own even if the training text lacks them. */
const alwaysPresent = '。，？！：；、（）0123456789ABCDE \n'

/** A text of the mini world never has this character; it marks the borders in the training text. */
const border = '\u0001'

/**
 * Trains the mini world's tokenizer and returns `tokenizer.json` as text: byte-pair encoding over characters, unknown
 * characters as their UTF-8 bytes.
 *
 * The training text is cut at term borders first, so that no merge crosses one and a term is cut the same way wherever
 * it stands. Merging goes on until every piece is one token. The same inputs give the same text.
 */
export function trainTokenizer({ seed = 1, samples = 12_000 } = {}): string {
  const { vocab, merges } = learnMerges(trainingPieces(seed, samples))
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`)
  const tokens = [...specialTokens, ...bytes, ...vocab]
  return tokenizerJson(Object.fromEntries(tokens.map((token, id) => [token, id])), merges)
}

function trainingPieces(seed: number, samples: number): string[] {
  const cut = pieceCutter()
  const world = buildWorld({ seed })
  const pieces = [...allPieces, ...alwaysPresent, ...recordLabels]
  for (const phase of ['copy', 'main'] satisfies Phase[]) {
    const rows = curriculum({ world, seed, phase })
    for (let i = 0; i < samples; i++)
      for (const { text } of rows.next().value.segments) pieces.push(...cut(text.replaceAll('</s>', '')))
  }
  return pieces
}

/** Lets the library learn the merges; its vocabulary comes back in the order of its ids. */
function learnMerges(pieces: readonly string[]): { vocab: string[]; merges: [string, string][] } {
  const folder = mkdtempSync(join(tmpdir(), 'mini-tokenizer-'))
  try {
    const [text, result] = [join(folder, 'text.txt'), join(folder, 'tokenizer.json')]
    writeFileSync(text, pieces.join(border))
    const tokenizer = new Tokenizer(BPE.empty())
    tokenizer.setPreTokenizer(charDelimiterSplit(border))
    tokenizer.train([text])
    tokenizer.save(result)
    const { model } = JSON.parse(readFileSync(result, 'utf8')) as {
      model: { vocab: Record<string, number>; merges: [string, string][] }
    }
    const vocab = Object.entries(model.vocab).sort(([, x], [, y]) => x - y)
    return { vocab: vocab.map(([token]) => token), merges: model.merges }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function tokenizerJson(vocab: Record<string, number>, merges: readonly (readonly string[])[]): string {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const added_tokens = specialTokens.map((content, id) => ({ id, content, ...flags }))
  const model = {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: true,
    ignore_merges: false,
    vocab,
    merges,
  }
  // A chunk is a stretch up to and with its closing mark, so that engines can cache chunks.
  const pattern = { Regex: '[^。：？\\n]+[。：？\\n]?|[。：？\\n]' }
  const split = { type: 'Split', pattern, behavior: 'Isolated', invert: false }
  return `${JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens,
    normalizer: null,
    pre_tokenizer: split,
    post_processor: null,
    decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] },
    model,
  })}\n`
}

/** Settings beside `tokenizer.json`: special tokens, the context length and the chat template. */
export const tokenizerConfig = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  add_bos_token: false,
  add_eos_token: false,
  bos_token: '<s>',
  eos_token: '</s>',
  pad_token: '<pad>',
  clean_up_tokenization_spaces: false,
  model_max_length: 256,
  padding_side: 'right',
  chat_template: chatTemplate,
} as const

/** Greedy decoding that stops at the end token. */
export const generationConfig = {
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 0,
  do_sample: false,
  max_new_tokens: 48,
} as const

/** Trains the tokenizer and writes it with its settings into a model folder. */
export function writeTokenizer({ out = miniModelFolder, seed = 1 } = {}): void {
  mkdirSync(out, { recursive: true })
  const write = (name: string, content: string): void => {
    writeFileSync(join(out, `${name}.tmp`), content)
    renameSync(join(out, `${name}.tmp`), join(out, name))
  }
  const specials = { bos_token: '<s>', eos_token: '</s>', pad_token: '<pad>' }
  write('tokenizer.json', trainTokenizer({ seed }))
  write('tokenizer_config.json', `${JSON.stringify(tokenizerConfig, null, 2)}\n`)
  write('special_tokens_map.json', `${JSON.stringify(specials, null, 2)}\n`)
  write('generation_config.json', `${JSON.stringify(generationConfig, null, 2)}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeTokenizer()
