import { RagError, shown } from '../errors'
import { contentHash, contentHashRule } from './content-hash'
import type { Document } from './document'

/** Hashes of the rows of every split; travels with the data so that whatever is built from it can refuse the test rows. */
export interface SplitManifest {
  readonly version: 1
  /** How the hashes were made; `contentHashRule` for `contentHash`. */
  readonly hash: string
  /** Content hashes by split (`test`, `validation`, ...). */
  readonly splits: Readonly<Record<string, readonly string[]>>
}

/** A manifest of this package, or the one that `@qilin-med/chimed` writes beside its data (its rule is `fingerprint`). */
export type SplitManifestFile =
  | SplitManifest
  | { readonly version: 1; readonly fingerprints: Readonly<Record<string, readonly string[]>> }

/** Why a document may not enter an index. */
export interface Refusal {
  readonly id: string
  /** `test` or `validation`. */
  readonly split: string
  /** `label`: the document says so itself; `manifest`: its content hash, or that of the row it is part of, is listed. */
  readonly by: 'label' | 'manifest'
}

/** Decides which documents an index refuses. */
export interface SplitGuard {
  /** `throw`: the index is not built; `exclude`: it is built from the others, and its report counts what was refused. */
  readonly onRefusal: 'throw' | 'exclude'
  check(document: Document): Refusal | undefined
}

/** Options of `splitGuard`. */
export interface SplitGuardOptions {
  /** Content hashes of rows that may not be indexed. */
  readonly manifest?: SplitManifestFile | undefined
  /** Splits to refuse. */
  readonly refuse?: readonly string[]
  readonly onRefusal?: 'throw' | 'exclude'
  /** Needed when the manifest was hashed by another rule: `fingerprint` of `@qilin-med/chimed` for its manifests. */
  readonly hash?: ((text: string) => string) | undefined
}

/** A document of a refused split reached an index. `refused` counts all of them, `examples` holds the first five. */
export class SplitError extends RagError {
  override readonly name: string = 'SplitError'
  readonly refused: number
  readonly examples: readonly Refusal[]

  constructor(operation: string, refused: number, examples: readonly Refusal[]) {
    const named = examples.map(({ id, split, by }) => `${shown(id)} (${split}, by ${by})`).join(', ')
    super(
      'split',
      `${operation}: expected documents outside the test and validation splits, got ${refused} of them: ${named}${refused > examples.length ? ', …' : ''}. ` +
        `Remove them, or pass guard: splitGuard({ onRefusal: 'exclude' }) to leave them out and count them.`,
      { operation, id: examples[0]?.id },
    )
    this.refused = refused
    this.examples = examples
  }
}

/**
 * A guard that refuses test and validation documents: by their own `split` label, by their content hash, and by the
 * content hash of the row or document that they were cut from.
 *
 * @throws RagError (`option`) when the manifest is malformed or was hashed by another rule and no `hash` is given
 */
export function splitGuard({
  manifest,
  refuse = ['test', 'validation'],
  onRefusal = 'throw',
  hash,
}: SplitGuardOptions = {}): SplitGuard {
  const refused = new Set(refuse.map(canonical))
  const listed = manifest === undefined ? undefined : listedHashes(manifest, refused, hash)
  const hashOf = hash ?? contentHash
  return {
    onRefusal,
    check(document) {
      const label = document.split === undefined ? undefined : canonical(document.split)
      if (label !== undefined && refused.has(label)) return { id: document.id, split: label, by: 'label' }
      if (listed === undefined || listed.size === 0) return undefined
      const split =
        listed.get(document.contentHash ?? '') ??
        listed.get(document.part?.documentHash ?? '') ??
        listed.get(hashOf(document.text))
      return split === undefined ? undefined : { id: document.id, split, by: 'manifest' }
    },
  }
}

/** Throws a SplitError when `guard` refuses any of `documents`, whatever the guard would do with them elsewhere. */
export function refuseSplits(
  operation: string,
  documents: readonly Document[],
  guard: SplitGuard = splitGuard(),
): void {
  const refusals = documents.map((document) => guard.check(document)).filter((one) => one !== undefined)
  if (refusals.length > 0) throw new SplitError(operation, refusals.length, refusals.slice(0, 5))
}

/** A manifest that lists the content hashes of `splits`, each once, in sorted order. */
export function splitManifest(splits: Readonly<Record<string, Iterable<string>>>): SplitManifest {
  const hashed = Object.entries(splits).map(([name, texts]) => [name, sortedHashes(texts)] as const)
  return { version: 1, hash: contentHashRule, splits: Object.fromEntries(hashed) }
}

const sortedHashes = (texts: Iterable<string>): string[] => [...new Set(Array.from(texts, contentHash))].sort()

const aliases: Readonly<Record<string, string>> = { val: 'validation', valid: 'validation', dev: 'validation' }

/** `Test`, ` TEST` → `test`; `val`, `valid`, `dev` → `validation`. */
function canonical(split: string): string {
  const name = split.trim().toLowerCase()
  return aliases[name] ?? name
}

function listedHashes(
  manifest: SplitManifestFile,
  refused: ReadonlySet<string>,
  hash: SplitGuardOptions['hash'],
): Map<string, string> {
  const splits: unknown = 'fingerprints' in manifest ? manifest.fingerprints : manifest.splits
  const rule = 'fingerprints' in manifest ? 'the fingerprints of @qilin-med/chimed' : manifest.hash
  if (manifest.version !== 1 || typeof splits !== 'object' || splits === null)
    throw new RagError(
      'option',
      `splitGuard: expected a manifest of version 1 with 'splits', got version ${shown(manifest.version)}. Build it with splitManifest.`,
      { operation: 'splitGuard' },
    )
  if (rule !== contentHashRule && hash === undefined)
    throw new RagError(
      'option',
      `splitGuard: expected hashes made by ${contentHashRule}, got ${shown(rule)}. Pass the function behind that rule as 'hash'.`,
      { operation: 'splitGuard' },
    )
  const listed = new Map<string, string>()
  for (const [name, hashes] of Object.entries(splits as SplitManifest['splits']))
    if (refused.has(canonical(name))) for (const one of hashes) listed.set(one, canonical(name))
  return listed
}
