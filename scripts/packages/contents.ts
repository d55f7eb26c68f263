import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Packed } from './pack'

/** What is wrong with the files and the manifest of a packed package, a sentence each. */
export const contentProblems = ({ manifest, files, folder }: Packed): string[] => [
  ...['README.md', 'LICENSE'].filter((file) => !files.includes(file)).map((file) => `${file} is missing.`),
  ...files
    .filter((file) => /\.test(-d)?\.[^/]+$/.test(file))
    .map((file) => `${file} is a test and should not be published.`),
  ...targets(manifest.exports)
    .filter((file) => !files.includes(file))
    .map((file) => `${file} is exported but not in the tarball.`),
  ...(manifest.license === 'Apache-2.0' ? [] : [`expected license Apache-2.0, got ${manifest.license}.`]),
  ...(manifest.sideEffects === false ? [] : ['sideEffects is not false, so bundlers keep what nobody imports.']),
  ...Object.values(manifest.bin ?? {})
    .filter((file) => !readFileSync(join(folder, file), 'utf8').startsWith('#!/usr/bin/env node'))
    .map((file) => `${file} is a program but does not start with '#!/usr/bin/env node'.`),
]

/** Files that an exports map points at, relative to the package. */
const targets = (value: unknown): string[] =>
  typeof value === 'string' ? [value.replace(/^\.\//, '')] : Object.values(value as object).flatMap(targets)
