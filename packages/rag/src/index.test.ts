import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

/** Every module that `file` imports, itself included; other packages by name. */
function importsOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const [, name] of readFileSync(`${file}.ts`, 'utf8').matchAll(/^(?:import|export|\} ).*?from '(.+)'$/gm))
    if (name!.startsWith('.')) importsOf(join(dirname(file), name!), seen)
    else seen.add(name!)
  return seen
}

it('the main entry loads no other package and nothing of Node, so that it runs in browsers', () => {
  const modules = [...importsOf(join(import.meta.dirname, 'index'))]
  expect(modules.length).toBeGreaterThan(40)
  // A type import, gone once compiled.
  expect(modules.filter((name) => !name.startsWith('/'))).toEqual(['@node-rs/jieba'])
})
