import type { Part } from './post-processors'

/** Tokens of one text with their places, before special tokens are added. */
export interface TrackedTokens {
  readonly ids: number[]
  /** Begin and end of each token in UTF-16 units of the text, flat. */
  readonly offsets: number[]
}

/** What differs between tokenizer formats: text to ids and back. The rest is shared by all of them. */
export interface Engine {
  /** Largest id plus one. */
  readonly size: number
  /** Ids that `decode` may leave out. */
  readonly specialIds: ReadonlySet<number>
  /** Ids of a text without special tokens. `splitSpecial` reads special tokens in the text as ordinary text. */
  encode(text: string, splitSpecial?: boolean): number[]
  /** The same with places. */
  track(text: string, splitSpecial?: boolean): TrackedTokens
  /** How one or two texts are put together with special tokens. */
  template(pair: boolean): readonly Part[]
  decode(ids: ArrayLike<number>, skipSpecialTokens: boolean): string
  tokenToId(token: string): number | undefined
  idToToken(id: number): string | undefined
}
