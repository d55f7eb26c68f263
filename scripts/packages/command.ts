import { spawnSync } from 'node:child_process'

/** How a program ended. */
export interface Ended {
  readonly ok: boolean
  readonly stdout: string
  /** Everything it said, for a message about what went wrong. */
  readonly output: string
}

/** Runs a program to its end, without input. */
export const command = (program: string, args: readonly string[], { cwd }: { cwd: string }): Ended => {
  // On Windows npm and the programs it installs are scripts, which only a shell can start.
  const shell = process.platform === 'win32' && program !== process.execPath
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    shell,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, NO_COLOR: '1' },
  })
  if (error) throw error
  return { ok: status === 0, stdout, output: `${stdout}${stderr}` }
}
