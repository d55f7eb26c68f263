import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { folder } from './chromium'
import type { Rigour } from './contract'
import type { Report } from './report'

/**
 * Reports of the contract on `nodeRuntime({ provider: 'webgpu' })`, over SwiftShader. In a process of its own, because
 * the system looks for Vulkan's loader where the variables of a process pointed when it started.
 */
export const webgpuInNode = async (rigour: Rigour): Promise<Report[]> => {
  const home = await mkdtemp(join(tmpdir(), 'vulkan-'))
  try {
    const driver = join(home, 'swiftshader.json')
    const ICD = { library_path: join(folder, 'libvk_swiftshader.so'), api_version: '1.0.5' }
    await writeFile(driver, JSON.stringify({ file_format_version: '1.0.0', ICD }))
    const env = { ...process.env, VK_ICD_FILENAMES: driver, XDG_RUNTIME_DIR: home, LD_LIBRARY_PATH: folder }
    return await run(fileURLToPath(new URL('webgpu-main.ts', import.meta.url)), JSON.stringify(rigour), env)
  } finally {
    await rm(home, { recursive: true })
  }
}

const run = async (program: string, argument: string, env: NodeJS.ProcessEnv): Promise<Report[]> => {
  const args = ['--import', 'tsx', '-C', 'source', program, argument]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const errors: string[] = []
  child.stderr.on('data', (text) => errors.push(String(text)))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const found: Report[] = []
  for await (const line of createInterface({ input: child.stdout })) found.push(JSON.parse(line))
  const code = await ended
  return [
    ...found,
    ...(code === 0 ? [] : [{ name: 'end', problem: `exit code ${code}: ${errors.join('').slice(-2000)}` }]),
  ]
}
