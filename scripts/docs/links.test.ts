import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { brokenLinks, linksOf } from './links'

it('finds relative links with their lines, not those to the web, to the page itself or inside code', () => {
  const text = [
    '[a](docs/a.md) and [b](../b.md#part)',
    '[web](https://example.com) [here](#here) `[c](c.md)`',
    '```md',
    '[d](d.md)',
    '```',
    '![picture](report.png)',
  ].join('\n')
  expect(linksOf(text)).toEqual([
    { line: 1, target: 'docs/a.md' },
    { line: 1, target: '../b.md' },
    { line: 6, target: 'report.png' },
  ])
})

it('finds that the contributing guide links only to files that are there', () => {
  expect(brokenLinks(resolve(import.meta.dirname, '../..'), ['CONTRIBUTING.md', 'docs/README.md'])).toEqual([])
})
