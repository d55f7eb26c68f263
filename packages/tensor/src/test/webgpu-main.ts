/** Runs the contract on WebGPU in this process, which was started with a Vulkan driver, and prints a report a line. */
import { nodeRuntime } from '../runtimes/node'
import { reports } from './report'

for await (const report of reports(await nodeRuntime({ provider: 'webgpu' }), JSON.parse(process.argv[2]!)))
  process.stdout.write(`${JSON.stringify(report)}\n`)
