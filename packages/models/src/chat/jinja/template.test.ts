import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileTemplate } from './template'
import { Float, JinjaError } from './values'

interface Case {
  readonly template: string
  readonly text?: string
  readonly error?: { readonly type: string }
}

const fixture = join(import.meta.dirname, '../../../fixtures/jinja/cases.json')
const { variables, cases }: { variables: Record<string, unknown>; cases: Case[] } = JSON.parse(
  readFileSync(fixture, 'utf8'),
)

const render = (template: string, names: Record<string, unknown> = {}): string =>
  compileTemplate(template).render(names).text

const kindOf = (act: () => unknown): string => {
  try {
    return `text ${act()}`
  } catch (error) {
    if (error instanceof JinjaError) return error.kind
    throw error
  }
}

describe('compileTemplate', () => {
  it.each(cases)('does with $template what Jinja2 does', ({ template, text, error }) => {
    if (error === undefined) expect(render(template, variables)).toBe(text)
    else expect(kindOf(() => render(template, variables))).toBe(error.type)
  })

  it('tells floats without a fraction from ints only when given as Float', () => {
    expect(render('{{ a }} {{ b }} {{ a + b }}', { a: 1, b: new Float(1) })).toBe('1 1.0 2.0')
  })

  it('says where generation blocks lie, in UTF-16 units', () => {
    const { text, generations } = compileTemplate(
      '😀{% for m in messages %}[{% generation %}{{ m }}{% endgeneration %}]{% endfor %}',
    ).render({ messages: ['ab', '', '𠀀'] })
    expect(text).toBe('😀[ab][][𠀀]')
    expect(generations.map(([begin, end]) => text.slice(begin, end))).toEqual(['ab', '', '𠀀'])
  })

  it('lists the texts that stand in a template', () => {
    const { literals, marksGeneration } = compileTemplate("<s>{% if x == 'user' %}{{ '[' ~ x }}{% endif %}")
    expect([...literals].sort()).toEqual(['<s>', '[', 'user'])
    expect(marksGeneration).toBe(false)
    expect(compileTemplate('{% if a %}{% generation %}{% endgeneration %}{% endif %}').marksGeneration).toBe(true)
  })

  it('tells the given time, and refuses to look at a clock', () => {
    const now = new Date(2025, 1, 3, 14, 5, 9)
    const { text } = compileTemplate("{{ strftime_now('%d %b %Y, %H:%M:%S %p %-d %j %A %%') }}").render({}, { now })
    expect(text).toBe('03 Feb 2025, 14:05:09 PM 3 034 Monday %')
    expect(kindOf(() => render("{{ strftime_now('%Y') }}"))).toBe('ValueError')
  })

  it('reads objects, maps and dates of the caller as plain data', () => {
    const own = { toString: () => 'never called', a: undefined, b: null }
    expect(render('{{ o }} {{ m.k }} {{ f }}', { o: own, m: new Map([['k', 1]]), f: () => 1 })).toBe(
      "{'toString': '<function>', 'b': None} 1 <function>",
    )
  })

  it.each([
    ['{{ x.constructor }}|{{ x.__proto__ }}|{{ d.constructor }}', '||'],
    ["{{ x['constructor'] }}|{{ d['__proto__'] }}|{{ ''['length'] }}", '||'],
    ['{{ namespace(a=1).constructor }}|{{ range.constructor }}|{{ loop }}', '||'],
  ])('reaches nothing of JavaScript through %s', (template, text) => {
    expect(render(template, { x: [1], d: {} })).toBe(text)
  })

  it.each([
    ["{{ 'a' * 99999999999 }}", 'ValueError'],
    ['{{ range(1000000000) }}', 'ValueError'],
    ['{% set ns = namespace() %}{% set ns._a = 1 %}', 'SecurityError'],
    ['{{ lipsum() }}', 'ValueError'],
    ["{{ 'x'.join(d) }}", 'text axb'],
  ])('bounds what a template can do: %s', (template, kind) => {
    expect(kindOf(() => render(template, { d: { a: 1, b: 2 } }))).toBe(kind)
  })

  it('refuses any broken template with a JinjaError', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      '{%',
      '%}',
      '{#',
      '#}',
      ' if ',
      ' for i in x ',
      ' endfor ',
      ' endif ',
      ' x ',
      '|',
      'join',
      '(',
      ')',
      '[',
      ']',
      ' set a = 1 ',
      "'a'",
      '1',
      '.',
      ',',
      '-',
      ' raw ',
      ' macro m() ',
      ' endmacro ',
      ' is ',
      ' not ',
      ' in ',
      ':',
      '~',
      '\n',
      ' a ',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        kindOf(() => render(pieces.join(''), { x: [1, 'b'] }))
      }),
      { numRuns: 2000 },
    )
  })
})
