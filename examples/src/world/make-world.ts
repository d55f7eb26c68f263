import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rawFiles } from './raw-files'
import { licence, readme } from './readme'
import type { RawTable } from './sources/table'
import { buildWorld, type World, worldSize } from './world'

/** One file of the data folder, as `manifest.json` lists it. */
export interface ManifestEntry {
  readonly path: string
  /** Sub-dataset, named as in the paper; `evaluation` or `knowledge base` for the rest. */
  readonly dataset: string
  /** Tables of the paper that name it: 1 CPT, 2 SFT, 3 DPO. */
  readonly tables: readonly number[]
  readonly format: string
  readonly encoding: string
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
}

/** Where mini-ChiMed lies in this repository. */
export const miniChimedFolder = fileURLToPath(new URL('../../data/mini-chimed', import.meta.url))

/** The seed of the committed files. */
export const worldSeed = 1

/** Writes mini-ChiMed and returns its manifest. The same seed gives the same bytes. */
export function makeWorld({ seed = worldSeed, out = miniChimedFolder } = {}): ManifestEntry[] {
  const world = buildWorld({ seed })
  const { tables, planted } = rawFiles(world)
  const files = tables.map((table) => ({ table, bytes: table.encode(table.rows) }))
  const manifest = files.map(({ table, bytes }) => entry(table, bytes))
  for (const { table, bytes } of files) write(join(out, table.path), bytes)
  write(join(out, 'manifest.json'), lines({ fictional: true, licence: 'CC0-1.0', seed }, { files: manifest }))
  write(join(out, 'truth.json'), lines({ fictional: true, seed, size: worldSize }, { planted, facts: factRows(world) }))
  write(join(out, 'README.md'), readme(world, manifest, planted))
  write(join(out, 'LICENSE'), licence)
  return manifest
}

function entry({ path, dataset, tables, format, encoding, rows }: RawTable, bytes: Uint8Array): ManifestEntry {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { path, dataset, tables, format, encoding, rows: rows.length, bytes: bytes.length, sha256 }
}

/** Every fact but the known ones (which are all of the other diseases'), one a row: split, name, attribute, value. */
function factRows(world: World): string[][] {
  return world.diseases.flatMap((d) =>
    d.facts.map((fact) => [world.splitOf(fact), fact.name, fact.attribute, fact.value]),
  )
}

/** JSON with one list member a line. */
function lines(fields: object, lists: Readonly<Record<string, readonly unknown[]>>): string {
  const head = Object.entries(fields).map(([key, value]) => `"${key}": ${JSON.stringify(value)}`)
  const body = Object.entries(lists).map(
    ([key, rows]) => `"${key}": [\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]`,
  )
  return `{\n${[...head, ...body].join(',\n')}\n}\n`
}

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.tmp`, content)
  renameSync(`${path}.tmp`, path)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const manifest = makeWorld()
  const bytes = manifest.reduce((sum, file) => sum + file.bytes, 0)
  console.table(manifest.map(({ dataset, path, rows, bytes: size }) => ({ dataset, path, rows, bytes: size })))
  console.log(`${manifest.length} files, ${(bytes / 1e6).toFixed(2)} MB in ${miniChimedFolder}`)
}
