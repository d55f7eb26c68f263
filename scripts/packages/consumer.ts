import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './command'
import type { Loaded } from './loads'
import type { Packed } from './pack'

/** Copies the probe into a consumer's project, so that it resolves packages from there. */
export const installProbe = (project: string): void =>
  copyFileSync(join(import.meta.dirname, 'probe.mjs'), join(project, 'probe.mjs'))

/**
 * What an entry exports and loads in a consumer's project, in a process of its own.
 *
 * @throws Error when it cannot be imported or required
 */
export const load = (how: 'import' | 'require', entry: string, project: string): Loaded => {
  const { ok, stdout, output } = command(process.execPath, ['probe.mjs', how, entry], { cwd: project })
  if (!ok) throw new Error(`cannot ${how} it: ${output}`)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
}

/** What is wrong with a program of a package: it must run, and describe itself when asked for help. */
export const programProblems = (name: string, project: string): string[] => {
  const { ok, stdout, output } = command(join(project, 'node_modules/.bin', name), ['--help'], { cwd: project })
  if (!ok) return [`${name} --help failed: ${output}`]
  return stdout.trim() === '' ? [`${name} --help prints nothing.`] : []
}

/**
 * What the TypeScript compiler says about our declaration files in a consumer's project, for ESM and CommonJS at once.
 * Declarations of other packages are not ours to judge.
 */
export const typeProblems = (packed: readonly Packed[], project: string, root: string): string[] => {
  const imports = packed
    .flatMap(({ entries }) => entries)
    .map((entry, i) => `import * as m${i} from '${entry}'\nexport const n${i}: object = m${i}\n`)
    .join('')
  writeFileSync(join(project, 'consumer.mts'), imports)
  writeFileSync(join(project, 'consumer.cts'), imports)
  const types = join(root, 'node_modules/@types')
  const options = [
    '--noEmit',
    '--strict',
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--typeRoots',
    types,
    '--types',
    'node',
  ]
  const lib = ['--lib', 'es2023,esnext.disposable,dom']
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { output } = command(process.execPath, [compiler, ...options, ...lib, 'consumer.mts', 'consumer.cts'], {
    cwd: project,
  })
  return output.split('\n').filter((line) => /^(consumer|node_modules[\\/]@qilin-med[\\/])/.test(line))
}
