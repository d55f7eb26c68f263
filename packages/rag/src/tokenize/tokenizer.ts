/**
 * Cuts text into the terms of a lexical index. A function of the text alone: the same text gives the same terms at
 * indexing and at query time.
 */
export interface TextTokenizer {
  /** Names the rule and its options; a saved index opens only with a tokenizer of the same name. */
  readonly name: string
  /** Terms in the order of the text; repeats count. */
  tokenize(text: string): readonly string[]
}
