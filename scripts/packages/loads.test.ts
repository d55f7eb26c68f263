import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { installProbe, load } from './consumer'
import { loadProblems, packagesOf } from './loads'

const project = realpathSync(mkdtempSync(join(tmpdir(), 'packages-')))
afterAll(() => rmSync(project, { recursive: true }))

const write = (path: string, content: string): void => {
  mkdirSync(dirname(join(project, path)), { recursive: true })
  writeFileSync(join(project, path), content)
}

/** Installs a package of which both forms import or require `others` and export one name each. */
const install = (name: string, others: readonly string[], dependencies: readonly string[] = others): void => {
  const folder = `node_modules/${name}`
  write(
    `${folder}/package.json`,
    JSON.stringify({
      name,
      exports: { '.': { import: './index.mjs', require: './index.cjs' } },
      dependencies: Object.fromEntries(dependencies.map((other) => [other, '1'])),
    }),
  )
  write(`${folder}/index.mjs`, `${others.map((other) => `import '${other}'\n`).join('')}export const imported = 1\n`)
  write(`${folder}/index.cjs`, `${others.map((other) => `require('${other}')\n`).join('')}exports.required = 1\n`)
}

installProbe(project)
install('onnxruntime-node', [])
install('jieba', [])
install('left-pad', [])
install('@qilin-med/tensor', ['onnxruntime-node'])
install('@qilin-med/losses', ['@qilin-med/tensor'])
install('@qilin-med/metrics', ['jieba', 'left-pad'], ['jieba'])
install('@qilin-med/rag', ['@qilin-med/metrics'])

describe('load', () => {
  it('lists the names exported and every file loaded, also by what is loaded', () => {
    for (const [how, name] of [
      ['import', 'imported'],
      ['require', 'required'],
    ] as const) {
      const { names, files } = load(how, '@qilin-med/losses', project)
      expect(names).toContain(name)
      expect([...packagesOf(files, project)].sort()).toEqual([
        '@qilin-med/losses',
        '@qilin-med/tensor',
        'onnxruntime-node',
      ])
    }
  })

  it('says that an entry cannot be loaded', () => {
    expect(() => load('import', '@qilin-med/none', project)).toThrow(/^cannot import it: (.|\n)*@qilin-med\/none/)
  })
})

describe('loadProblems', () => {
  const problems = (entry: string) => [
    ...new Set(
      (['import', 'require'] as const).flatMap((how) => loadProblems(entry, load(how, entry, project), project)),
    ),
  ]

  it('finds the runtime behind an entry that needs none', () => {
    expect(problems('@qilin-med/losses')).toEqual([
      'loads onnxruntime-node; import it where it is used, with import().',
    ])
  })

  it('finds a dependency against the direction of the packages', () => {
    expect(problems('@qilin-med/rag')).toContain('loads @qilin-med/metrics, on which it may not depend.')
  })

  it('finds modules of Node behind an entry that runs in browsers', () => {
    write('node_modules/@qilin-med/tensor/index.mjs', `import 'fs'\nexport const imported = 1\n`)
    const loaded = load('import', '@qilin-med/tensor', project)
    expect(loadProblems('@qilin-med/tensor', loaded, project)).toEqual(['loads node:fs, which browsers do not have.'])
  })

  it('finds a package that nobody declares', () => {
    expect(problems('@qilin-med/metrics')).toEqual(['loads left-pad, which its package.json does not declare.'])
  })
})
