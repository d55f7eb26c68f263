import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

interface Build {
  readonly kernels: readonly { readonly source: string; readonly target: string; readonly name: string }[]
  embed(kernel: Build['kernels'][number]): Promise<string>
}

describe('embedded WebAssembly', () => {
  it('is what the AssemblyScript sources compile to, byte for byte', async () => {
    const folder = join(import.meta.dirname, '../wasm')
    const { kernels, embed } = (await import(join(folder, 'build.mjs'))) as Build
    for (const kernel of kernels)
      expect(await embed(kernel), kernel.source).toBe(readFileSync(join(folder, kernel.target), 'utf8'))
  }, 120_000)
})
