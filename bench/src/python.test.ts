import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type PythonPeer, startPython } from './python'

const folder = mkdtempSync(join(tmpdir(), 'bench-'))
const peers: PythonPeer[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(peers.splice(0).map((peer) => peer.close()))
})
afterAll(() => rmSync(folder, { recursive: true }))

const serveFolder = resolve(import.meta.dirname, '../peers')
const prelude = `import os, sys, time\nsys.path.insert(0, ${JSON.stringify(serveFolder)})\nfrom serve import serve\n`

/** A peer whose script is the given Python after `from serve import serve`. */
const start = async (body: string, answerMs = 60_000): Promise<PythonPeer> => {
  const script = join(folder, `peer-${peers.length}.py`)
  writeFileSync(script, prelude + body)
  const peer = await startPython({ python: 'python3', script, answerMs, messages: 'ignore' })
  peers.push(peer)
  return peer
}

const message = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: Error) => error.message,
  )

describe('startPython without Python', () => {
  it('says that the program did not start and which option names it', async () => {
    const promise = startPython({ python: join(folder, 'no-python'), script: 'peer.py' })
    expect(await message(promise)).toMatch(/^peer peer\.py: did not start: .*ENOENT.*Check --peer-python\.$/)
  })
})

const hasPython = spawnSync('python3', ['--version']).status === 0

describe('startPython', () => {
  beforeEach((context) => {
    if (!hasPython) context.skip('python3 is not in PATH')
  })

  it('answers one request after the other from one process, with keyword arguments, and reports versions', async () => {
    const peer = await start(`
calls = 0
def count(step):
    global calls
    calls += step
    return calls
serve({'count': count}, versions={'torch': '2.13.0'})
`)
    expect(peer.versions).toMatchObject({ torch: '2.13.0', python: expect.stringMatching(/^3\./) })
    expect(await peer.measure('count', { step: 2 })).toBe(2)
    expect(await peer.measure('count', { step: 3 })).toBe(5)
  })

  it('keeps what the program prints out of the answers', async () => {
    const peer = await start(`
def loud():
    print('progress 50%')
    os.system('echo from a child')
    return 1
serve({'loud': loud})
`)
    expect(await peer.measure('loud')).toBe(1)
  })

  it('hands a Python exception over as the reason and goes on', async () => {
    const peer = await start(`serve({'divide': lambda by: 1 / by})`)
    expect(await message(peer.measure('divide', { by: 0 }))).toMatch(/divide: ZeroDivisionError: division by zero$/)
    expect(await message(peer.measure('unknown'))).toMatch(/unknown: KeyError: 'unknown'$/)
    expect(await peer.measure('divide', { by: 4 })).toBe(0.25)
  })

  it('rejects the request during which the program ends', async () => {
    const peer = await start(`serve({'leave': lambda: os._exit(3)})`)
    expect(await message(peer.measure('leave'))).toContain('ended with exit code 3')
    expect(await message(peer.measure('leave'))).toContain('ended with exit code 3')
  })

  it('rejects a script that fails before it is ready', async () => {
    expect(await message(start('raise SystemExit(4)'))).toContain('ended with exit code 4')
  })

  it('gives up on an answer that does not come in time, and takes it for no other question', async () => {
    const peer = await start(`serve({'sleep': lambda: time.sleep(2) or 1})`, 100)
    expect(await message(peer.measure('sleep'))).toContain('gave no answer within 0.1 s')
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(await message(peer.measure('sleep'))).toContain('gave no answer within 0.1 s')
  })

  it('runs the program without the variables that hold OpenBLAS back', async () => {
    vi.stubEnv('OPENBLAS_CORETYPE', 'Haswell')
    vi.stubEnv('OPENBLAS_L2_SIZE', '512')
    const peer = await start(`serve({'set': lambda: sum(name.startswith('OPENBLAS_') for name in os.environ) + 1})`)
    expect(await peer.measure('set')).toBe(1)
  })

  it('ends the program on close, even one that does not listen', async () => {
    const peer = await start(`serve({'pid': os.getpid})`)
    const pid = await peer.measure('pid')
    await peer.close()
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    await peer.close()

    const deaf = await start(`
import threading
threading.Thread(target=lambda: time.sleep(60)).start()
serve({'pid': os.getpid})
`)
    const deafPid = await deaf.measure('pid')
    await deaf.close()
    expect(() => process.kill(deafPid, 0)).toThrow('ESRCH')
  })
})
