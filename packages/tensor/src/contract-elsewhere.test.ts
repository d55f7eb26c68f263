import { beforeAll, describe, expect, test } from 'vitest'
import { ending } from './test/behaviours'
import { whyNoChromium } from './test/chromium'
import { contract, type Rigour } from './test/contract'
import { inBrowser } from './test/in-browser'
import type { Report } from './test/report'
import { webgpuInNode } from './test/webgpu-in-node'

const subjects: readonly (Rigour & { readonly name: string; run(rigour: Rigour): Promise<Report[]> })[] = [
  { name: 'nodeRuntime on WebGPU', run: webgpuInNode, draws: 2, tolerance: 1e-5, lacks: 'float16' },
  { name: 'webRuntime on WebAssembly', run: (rigour) => inBrowser('wasm', rigour), draws: 4, tolerance: 1e-5 },
  {
    name: 'webRuntime on WebGPU',
    run: (rigour) => inBrowser('webgpu', rigour),
    draws: 2,
    tolerance: 1e-5,
    lacks: 'float16',
  },
]

describe.each(subjects)('$name keeps the contract of runtimes', ({ run, ...rigour }) => {
  const reason = whyNoChromium()
  if (reason) {
    test('all of it', (context) => context.skip(reason))
    return
  }
  let problems: ReadonlyMap<string, string | undefined>
  beforeAll(async () => {
    problems = new Map((await run(rigour)).map(({ name, problem }) => [name, problem]))
  }, 240_000)

  test('no check was left out, and none stopped the others', () => {
    expect(problems.get('end')).toBeUndefined()
    expect([...problems.keys()]).toEqual([...contract, ending].map(({ name }) => name))
  })

  test.for([...contract, ending])('$name', ({ name }, context) => {
    if (rigour.lacks && name.includes(rigour.lacks)) context.skip(`SwiftShader has no ${rigour.lacks}`)
    expect(problems.get(name)).toBeUndefined()
  })
})
