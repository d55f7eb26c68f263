import { sha256 } from './sha256'

const encoder = new TextEncoder()

/** Name of the rule behind `contentHash`, written into split manifests. */
export const contentHashRule = 'sha256/nfkc-lower-nospace'

/**
 * Hash of a text's content: SHA-256 over its UTF-8 bytes after NFKC, lower-casing and removal of white space, as 64
 * hexadecimal digits. Full-width forms, capitals and line breaks do not change it; any other difference does.
 */
export const contentHash = (text: string): string =>
  sha256(encoder.encode(text.normalize('NFKC').toLowerCase().replace(/\s+/gu, '')))
