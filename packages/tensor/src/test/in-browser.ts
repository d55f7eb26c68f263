import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { folder } from './chromium'
import type { Rigour } from './contract'
import type { Report } from './report'

const library = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'))

/** SwiftShader in place of a GPU, and no window. */
const flags = [
  '--headless=new',
  '--no-sandbox',
  '--no-first-run',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
]

/** Reports of the contract on `webRuntime` in a page of headless Chromium, which gets everything from this process. */
export const inBrowser = async (provider: 'wasm' | 'webgpu', rigour: Rigour): Promise<Report[]> => {
  const home = await mkdtemp(join(tmpdir(), 'chromium-'))
  const page = await servePage({ provider, rigour })
  const browser = spawn(join(folder, 'chromium'), [...flags, `--user-data-dir=${home}`, page.url], { stdio: 'ignore' })
  const closed = new Promise<void>((resolve) => browser.once('close', () => resolve()))
  try {
    return await Promise.race([page.reports, closed.then(() => [{ name: 'end', problem: 'the browser closed' }])])
  } finally {
    browser.kill()
    await closed
    page.close()
    await rm(home, { recursive: true, maxRetries: 5 })
  }
}

interface Page {
  readonly url: string
  readonly reports: Promise<Report[]>
  close(): void
}

const servePage = async (settings: unknown): Promise<Page> => {
  const script = await bundled(fileURLToPath(new URL('web-page.ts', import.meta.url)))
  const found: Report[] = []
  let end = (_: Report[]) => {}
  const reports = new Promise<Report[]>((resolve) => {
    end = resolve
  })
  const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
    '/': ['text/html', '<!doctype html><script type="module" src="/page.js"></script>'],
    '/page.js': ['text/javascript', script],
    '/settings': ['application/json', JSON.stringify(settings)],
  }
  const server = createServer(async (request, response) => {
    if (request.url === '/report') {
      const report = (await bodyOf(request)) as Report
      if (report.name !== 'end' || report.problem) found.push(report)
      if (report.name === 'end') end(found)
      response.end()
    } else if (request.url?.startsWith('/onnxruntime/')) await sendLibrary(request.url, response)
    else {
      const [type, content] = files[request.url ?? ''] ?? []
      response.writeHead(type ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(content)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return { url, reports, close: () => server.close().closeAllConnections() }
}

const bundled = async (entry: string): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  })
  return outputFiles[0]!.text
}

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return JSON.parse(Buffer.concat(parts).toString())
}

const sendLibrary = async (url: string, response: ServerResponse): Promise<void> => {
  const type = url.endsWith('.wasm') ? 'application/wasm' : 'text/javascript'
  response.writeHead(200, { 'content-type': type }).end(await readFile(join(library, basename(url))))
}
