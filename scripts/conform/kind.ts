/** What one golden case came to: a difference held against its tolerance, or the reason it was skipped. */
export type Outcome =
  | { readonly difference: number; readonly tolerance: number; readonly detail?: string }
  | { readonly skipped: string }

/** One golden case: `path` is its file relative to the golden folder without extension (`text/metrics/rouge`), `name` the case in it. */
export interface Case {
  readonly path: string
  readonly name: string
  run(): Outcome | Promise<Outcome>
}

/** Where the cases and the data rows that some of them refer to lie. */
export interface Folders {
  /** Folder with `models/`, `losses/`, `text/`, ... */
  readonly golden: string
  /** Data folder (`models/baichuan-7b/tokenizer.model`, ...); undefined when it is not there. */
  readonly data: string | undefined
}

/**
 * A kind of golden file. `discover` lists the cases found below `folders.golden` without running them; an absent file
 * means no case. It knows formats, never numbers: values come from the files alone.
 */
export interface Kind {
  /** Path prefix this kind covers, such as `text/metrics`. */
  readonly prefix: string
  discover(folders: Folders): Case[] | Promise<Case[]>
}
