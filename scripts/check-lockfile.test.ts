import { expect, it } from 'vitest'
import { lockfileProblems } from './check-lockfile.mjs'

const optional = (...names: string[]) => ({
  optionalDependencies: Object.fromEntries(names.map((name) => [name, '1.0.0'])),
})

it('accepts a lockfile whose optional dependencies are entries, hoisted or nested', () => {
  expect(
    lockfileProblems({
      packages: {
        '': {},
        'node_modules/biome': optional('@biome/linux', '@biome/mac'),
        'node_modules/@biome/linux': {},
        'node_modules/biome/node_modules/@biome/mac': {},
        'node_modules/onnxruntime-node': {},
      },
    }),
  ).toEqual([])
})

it('names an optional dependency that only another package has', () => {
  expect(
    lockfileProblems({
      packages: {
        'node_modules/a': optional('fs-events'),
        'node_modules/b': optional('fs-events'),
        'node_modules/b/node_modules/fs-events': {},
      },
    }),
  ).toEqual([
    'node_modules/a: optional dependency fs-events@1.0.0 is not in the lockfile. Pin a version whose platforms are all served.',
  ])
})

it('refuses a second copy of onnxruntime-node', () => {
  expect(
    lockfileProblems({
      packages: { 'node_modules/onnxruntime-node': {}, 'packages/rag/node_modules/onnxruntime-node': {} },
    }),
  ).toEqual([
    'onnxruntime-node is there 2 times: node_modules/onnxruntime-node, packages/rag/node_modules/onnxruntime-node. Add it to overrides.',
  ])
})
