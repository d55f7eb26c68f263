// Compiles assembly/dot.ts and writes it as base64 into src/dense/kernel.ts: node packages/rag/scripts/build-kernel.mjs
import { readFile, writeFile } from 'node:fs/promises'
import asc from 'assemblyscript/asc'

/** The compiled kernel, byte for byte the same on every machine for one version of AssemblyScript. */
export async function compileKernel() {
  const source = await readFile(new URL('../assembly/dot.ts', import.meta.url), 'utf8')
  let binary
  const { error, stderr } = await asc.main(
    [
      'dot.ts',
      '--outFile',
      'dot.wasm',
      '--optimizeLevel',
      '3',
      '--noAssert',
      '--runtime',
      'stub',
      '--importMemory',
      '--enable',
      'simd',
    ],
    {
      readFile: (name) => (name === 'dot.ts' ? source : null),
      writeFile: (name, contents) => {
        if (name === 'dot.wasm') binary = contents
      },
      listFiles: () => [],
    },
  )
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`)
  return binary
}

const target = new URL('../src/dense/kernel.ts', import.meta.url)

/** Text of the module that holds the kernel. */
export function kernelModule(binary) {
  const lines = Buffer.from(binary)
    .toString('base64')
    .match(/.{1,110}/g)
  return `// Written by scripts/build-kernel.mjs from assembly/dot.ts; a test compiles it again and compares.

/** WebAssembly with SIMD, base64; exports dots(query, rows, count, stride, out). */
export const kernelBase64 =
${lines.map((line) => `  '${line}'`).join(' +\n')}
`
}

if (process.argv[1] === new URL(import.meta.url).pathname) await writeFile(target, kernelModule(await compileKernel()))
