import type { Part } from './post-processors'
import type { AddedToken } from './special-tokens'

/** Tokens of one text with their places, before special tokens are added. */
export interface TrackedTokens {
  readonly ids: number[]
  /** Begin and end of each token in UTF-16 units of the text, flat. */
  readonly offsets: number[]
}

/** Added tokens that are read as ordinary text where they stand in a text. */
export type Literal = 'none' | 'special' | 'all'

/** What differs between tokenizer formats: text to ids and back. The rest is shared by all of them. */
export interface Engine {
  /** Largest id plus one. */
  readonly size: number
  /** Ids that `decode` may leave out. */
  readonly specialIds: ReadonlySet<number>
  /** Added tokens by id, special ones among them. */
  readonly added: ReadonlyMap<number, AddedToken>
  /** Ids of a text without the special tokens of a template. */
  encode(text: string, literal?: Literal): number[]
  /** The same with places. */
  track(text: string, literal?: Literal): TrackedTokens
  /** How one or two texts are put together with special tokens. */
  template(pair: boolean): readonly Part[]
  decode(ids: ArrayLike<number>, skipSpecialTokens: boolean): string
  tokenToId(token: string): number | undefined
  idToToken(id: number): string | undefined
}
