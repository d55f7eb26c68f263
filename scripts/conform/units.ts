import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Folders below the golden folder that hold programs or notes, never cases. */
const notCases = new Set(['generate'])

/** Groups in which each folder is one case (`models/llama`). */
const folderGroups = new Set(['models', 'lora'])

/** Files that other files refer to: inputs shared by several cases, and the record of how the set was checked. */
const helpers = new Set([
  'verify.json',
  'text/tokenizers/strings.json',
  'text/tokenizers/built_with.json',
  'text/chat/templates.json',
  'text/chat/conversations.json',
  'text/metrics/pairs.json',
  'text/retrieval/corpus.json',
])

const isHelper = (path: string): boolean => helpers.has(path) || path.endsWith('.tokenizer.json')

/**
 * Paths of everything below `golden` that somebody must claim: a folder of `models/` and `lora/`, otherwise a JSON file
 * without its extension; sorted, with `/` on every platform.
 */
export const goldenUnits = (golden: string): string[] =>
  list(golden)
    .flatMap((group) => {
      if (!group.folder) return unitFile(group.name)
      return folderGroups.has(group.name) ? caseFolders(golden, group.name) : jsonFiles(golden, group.name)
    })
    .sort()

const caseFolders = (golden: string, group: string): string[] =>
  list(join(golden, group)).flatMap(({ name, folder }) =>
    folder ? [`${group}/${name}`] : unitFile(`${group}/${name}`),
  )

const jsonFiles = (golden: string, path: string): string[] =>
  list(join(golden, path)).flatMap(({ name, folder }) =>
    folder ? jsonFiles(golden, `${path}/${name}`) : unitFile(`${path}/${name}`),
  )

const unitFile = (path: string): string[] => (path.endsWith('.json') && !isHelper(path) ? [path.slice(0, -5)] : [])

const list = (folder: string): { name: string; folder: boolean }[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith('.') && !notCases.has(entry.name))
    .map((entry) => ({ name: entry.name, folder: entry.isDirectory() }))
