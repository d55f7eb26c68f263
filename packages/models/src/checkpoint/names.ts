/** Prefixes under which checkpoints of wrapped or bare models store what is called `model.` elsewhere. */
const wrappings: readonly (readonly [stored: string, canonical: string])[] = [
  ['language_model.model.', 'model.'], // Gemma 3 with a vision tower, transformers 4
  ['model.language_model.', 'model.'], // the same, transformers 5
  ['language_model.lm_head.', 'lm_head.'],
]

/** Where a bare model (saved without its head) starts: names without the prefix of the whole model. */
const bare: readonly (readonly [stored: RegExp, prefix: string])[] = [
  [/^(?:layers\.|embed_tokens\.|norm\.)/, 'model.'],
  [/^(?:h\.|wte\.|wpe\.|ln_f\.)/, 'transformer.'], // also how GPT-2 is published
]

/** The name a tensor has in a checkpoint of the whole language model, from the name it is stored under. */
export const canonicalName = (stored: string): string => {
  const wrapping = wrappings.find(([prefix]) => stored.startsWith(prefix))
  if (wrapping !== undefined) return wrapping[1] + stored.slice(wrapping[0].length)
  const prefix = bare.find(([pattern]) => pattern.test(stored))?.[1] ?? ''
  return prefix + stored
}
