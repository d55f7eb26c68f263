/**
 * Shows a gradient step in a browser: bundles `page.ts`, serves it on this machine and prints the address to open. The page
 * fits y = 3x − 0.5 on WebAssembly and, where the browser has it, on WebGPU.
 */
import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const library = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'))
const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('page.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  conditions: ['source'],
  write: false,
})
const page =
  '<!doctype html><meta charset="utf-8"><title>running</title><body><script type="module" src="page.js"></script>'

const send = (response: ServerResponse, type: string, content: string | Uint8Array): void => {
  response.writeHead(200, { 'content-type': type }).end(content)
}

const server = createServer(async ({ url = '/' }, response) => {
  try {
    if (url === '/') send(response, 'text/html', page)
    else if (url === '/page.js') send(response, 'text/javascript', outputFiles[0]!.contents)
    else if (url.endsWith('.wasm')) send(response, 'application/wasm', await readFile(join(library, basename(url))))
    else send(response, 'text/javascript', await readFile(join(library, basename(url))))
  } catch {
    response.writeHead(404).end()
  }
})
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`Open http://127.0.0.1:${(server.address() as AddressInfo).port}/ (Ctrl+C ends it)`)
})
