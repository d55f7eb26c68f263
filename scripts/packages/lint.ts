import { readFileSync } from 'node:fs'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { command } from './command'
import type { Packed } from './pack'

/** What publint says about a tarball, suggestions included. */
export const publintProblems = async ({ tarball }: Packed): Promise<string[]> => {
  const data = readFileSync(tarball)
  const archive = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)
  const { messages, pkg } = await publint({ pack: { tarball: archive }, strict: true })
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code)
}

/** What "are the types wrong?" says about a tarball, over all ways to resolve modules. */
export const attwProblems = ({ tarball }: Packed, root: string): string[] => {
  const { ok, output } = command('npx', ['attw', tarball, '--format', 'ascii', '--no-color', '--no-emoji'], {
    cwd: root,
  })
  return ok ? [] : [output]
}
