// Compiles the AssemblyScript kernels and embeds them as base64: node packages/chimed/wasm/build.mjs
// wasm.test.ts checks that the committed modules are what this writes.
import { writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const here = dirname(fileURLToPath(import.meta.url))

/** Kernels and the modules they are embedded in. */
export const kernels = [
  { source: 'minhash.ts', target: '../src/dedup/minhash.wasm.ts', name: 'minhashWasm' },
  { source: 'decode.ts', target: '../src/read/decode.wasm.ts', name: 'decodeWasm' },
  { source: 'jsonl.ts', target: '../src/read/jsonl.wasm.ts', name: 'jsonlWasm' },
  { source: 'windows.ts', target: '../src/dedup/windows.wasm.ts', name: 'windowsWasm' },
  { source: 'suffix.ts', target: '../src/dedup/suffix.wasm.ts', name: 'suffixWasm' },
]

/** The text of the module that embeds a kernel. */
export async function embed({ source, name }) {
  const file = join(here, source)
  const { error, stderr, binary } = await compile(file)
  if (error) throw new Error(`${basename(source)}: ${stderr}`)
  const base64 = Buffer.from(binary).toString('base64')
  return `/** ${binary.length} bytes of WebAssembly made from wasm/${source} by wasm/build.mjs, in base64. */\nexport const ${name} =\n  '${base64}'\n`
}

async function compile(file) {
  let binary
  const options = [
    file,
    '--outFile',
    'kernel.wasm',
    '--runtime',
    'stub',
    '--optimizeLevel',
    '3',
    '--shrinkLevel',
    '0',
    '--converge',
    '--noAssert',
    '--enable',
    'simd',
    '--enable',
    'bulk-memory',
    '--importMemory',
    '--baseDir',
    dirname(file),
  ]
  const { error, stderr } = await asc.main(options, {
    writeFile: (_name, contents) => {
      binary = contents
    },
  })
  return { error, stderr: stderr.toString(), binary }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const kernel of kernels) writeFileSync(join(here, kernel.target), await embed(kernel))
}
