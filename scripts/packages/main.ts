/**
 * Checks the built packages as their users meet them: `npm run build && npm run check:packages`. Every tarball passes
 * publint and attw; installed together in a fresh project, every entry can be imported and required, loads only what it
 * needs, and has types that compile. Closes with `N passed, N failed`; exits with 1 when a check failed.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Check, check, formatCheck, formatCounts } from './check'
import { installProbe, load, programProblems, typeProblems } from './consumer'
import { contentProblems } from './contents'
import { attwProblems, publintProblems } from './lint'
import { loadProblems } from './loads'
import { type Packed, pack } from './pack'
import { installProject } from './project'
import { workspacePackages } from './workspace'

const root = resolve(import.meta.dirname, '../..')
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'qilin-med-packages-'))) // loaded files are named by real paths
const project = join(folder, 'consumer')
const checks: Check[] = []

const report = async (name: string, problems: Parameters<typeof check>[1]): Promise<void> => {
  const result = await check(name, problems)
  checks.push(result)
  console.log(formatCheck(result))
}

const checkTarball = async (one: Packed): Promise<void> => {
  await report(`${one.name} contents`, () => contentProblems(one))
  await report(`${one.name} publint`, () => publintProblems(one))
  await report(`${one.name} attw`, () => attwProblems(one, root))
}

const checkInstalled = async ({ entries, manifest }: Packed): Promise<void> => {
  for (const entry of entries) {
    const names: Record<string, readonly string[]> = {}
    for (const how of ['import', 'require'] as const)
      await report(`${entry} ${how}`, () => {
        const loaded = load(how, entry, project)
        names[how] = loaded.names.filter((name) => name !== 'default' && name !== 'module.exports')
        return loadProblems(entry, loaded, project)
      })
    await report(`${entry} exports the same names both ways`, () =>
      differences(names.import ?? [], names.require ?? []),
    )
  }
  for (const program of Object.keys(manifest.bin ?? {}))
    await report(`${program} --help`, () => programProblems(program, project))
}

const differences = (imported: readonly string[], required: readonly string[]): string[] => [
  ...imported.filter((name) => !required.includes(name)).map((name) => `${name} can be imported but not required.`),
  ...required.filter((name) => !imported.includes(name)).map((name) => `${name} can be required but not imported.`),
]

try {
  const packed = pack(workspacePackages(root), root, folder)
  for (const one of packed) await checkTarball(one)
  await report('install all tarballs', () => {
    installProject(packed, project)
    installProbe(project)
    return []
  })
  for (const one of packed) await checkInstalled(one)
  await report('declarations compile', () => typeProblems(packed, project, root))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(formatCounts(checks))
process.exitCode = checks.some(({ problems }) => problems.length > 0) ? 1 : 0
