import { readFile } from 'node:fs/promises'
import type { SplitManifest, SplitManifestFile } from '../documents/split-guard'
import { parseObject } from '../documents/stored'
import { RagError } from '../errors'
import { fileError, writeWhole } from './write'

/**
 * The split manifest at `path`, of this package or of `@qilin-med/chimed`.
 *
 * @throws RagError (`file`) when it cannot be read or is no manifest of version 1
 */
export async function readSplitManifest(path: string): Promise<SplitManifestFile> {
  const json = await readFile(path, 'utf8').catch((cause) => {
    throw fileError('readSplitManifest', 'a split manifest', path, cause)
  })
  const manifest = parseObject(json)
  if (manifest === undefined || !isManifest(manifest))
    throw new RagError(
      'file',
      `readSplitManifest: expected { version: 1, hash, splits: { name: [hashes] } } or { version: 1, fingerprints: ... } at ${path}, got something else. Write it with writeSplitManifest.`,
      { operation: 'readSplitManifest', path },
    )
  return manifest as unknown as SplitManifestFile
}

/** Writes `manifest` to `path` as JSON, whole or not at all. */
export const writeSplitManifest = (path: string, manifest: SplitManifest): Promise<void> =>
  writeWhole('writeSplitManifest', path, new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`))

const isManifest = ({ version, hash, splits, fingerprints }: Record<string, unknown>): boolean =>
  version === 1 && ((typeof hash === 'string' && isListing(splits)) || isListing(fingerprints))

const isListing = (splits: unknown): boolean =>
  typeof splits === 'object' &&
  splits !== null &&
  Object.values(splits).every((one) => Array.isArray(one) && one.every((entry) => typeof entry === 'string'))
