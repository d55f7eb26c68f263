import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('the embedded kernel is what its source compiles to', async () => {
  const script = new URL('../../scripts/build-kernel.mjs', import.meta.url)
  const { compileKernel, kernelModule } = await import(fileURLToPath(script))
  expect(readFileSync(new URL('kernel.ts', import.meta.url), 'utf8')).toBe(kernelModule(await compileKernel()))
})
