import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './command'
import type { Packed } from './pack'

/**
 * A fresh project in `folder` with every tarball installed, as a user would have it: dependencies come from the npm cache
 * or the registry, install scripts stay off, optional peers are absent.
 */
export const installProject = (packed: readonly Packed[], folder: string): void => {
  mkdirSync(folder, { recursive: true })
  const dependencies = Object.fromEntries(packed.map(({ name, tarball }) => [name, `file:${tarball}`]))
  const write = (file: string, content: unknown): void =>
    writeFileSync(join(folder, file), JSON.stringify(content, null, 2))
  write('package.json', { name: 'consumer', version: '1.0.0', private: true, dependencies })
  const options = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { ok, output } = command('npm', ['install', ...options], { cwd: folder })
  if (!ok) throw new Error(`npm install failed: ${output}`)
}
