/** Runs the contract in a page and posts a report for each check to the server that the page came from. */
import { webRuntime } from '../runtimes/web'
import type { Rigour } from './contract'
import { reports } from './report'

const post = (body: unknown): Promise<unknown> => fetch('/report', { method: 'POST', body: JSON.stringify(body) })

const main = async (): Promise<void> => {
  const { provider, rigour } = (await (await fetch('/settings')).json()) as {
    provider: 'wasm' | 'webgpu'
    rigour: Rigour
  }
  const runtime = await webRuntime({ provider, files: '/onnxruntime/', threads: 1 })
  for await (const report of reports(runtime, rigour)) await post(report)
}

main().then(
  () => post({ name: 'end' }),
  (error) => post({ name: 'end', problem: `${error?.stack ?? error}` }),
)
