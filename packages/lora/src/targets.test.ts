import { describe, expect, it } from 'vitest'
import { lora } from './adapter'
import { type LoraOptions, resolveOptions, scalingOf } from './config'
import { selectModules } from './targets'
import { tinyModel } from './test/tiny-model'

const { modules } = tinyModel('qwen2')
const pathsOf = (options: LoraOptions): string[] =>
  selectModules(modules, resolveOptions(options)).map(({ path }) => path.replace('model.layers.', ''))

describe('targetModules', () => {
  it('all-linear takes every linear layer but the output head', () => {
    expect(pathsOf({ targetModules: 'All-Linear' })).toHaveLength(14)
    expect(pathsOf({ targetModules: 'all-linear' })).not.toContain('lm_head')
  })

  it('a name matches whole parts of a path from its end', () => {
    expect(pathsOf({ targetModules: ['q_proj'] })).toEqual(['0.self_attn.q_proj', '1.self_attn.q_proj'])
    expect(pathsOf({ targetModules: ['1.self_attn.q_proj'] })).toEqual(['1.self_attn.q_proj'])
    expect(() => pathsOf({ targetModules: ['proj'] })).toThrow()
  })

  it('a regular expression between slashes matches the whole path', () => {
    expect(pathsOf({ targetModules: '/.*layers\\.1\\.(self_attn|mlp)\\.(q|up)_proj/' })).toEqual([
      '1.self_attn.q_proj',
      '1.mlp.up_proj',
    ])
    expect(() => pathsOf({ targetModules: '/q_proj/' })).toThrow()
  })

  it('leaves out excluded modules and other layers', () => {
    expect(pathsOf({ targetModules: ['q_proj', 'v_proj'], excludeModules: ['0.self_attn.q_proj'] })).toEqual([
      '0.self_attn.v_proj',
      '1.self_attn.q_proj',
      '1.self_attn.v_proj',
    ])
    expect(pathsOf({ targetModules: ['q_proj'], layersToTransform: 1, layersPattern: 'layers' })).toEqual([
      '1.self_attn.q_proj',
    ])
  })

  it('keeps a module to save out of the adapted ones', () => {
    const adapter = lora({ targetModules: ['q_proj', 'lm_head'], modulesToSave: ['lm_head'] }).create(modules, {
      seed: 1,
      weight: () => new Float32Array(13 * 8),
    })
    expect(adapter.layout.entries.filter(({ name }) => name.startsWith('lm_head')).map(({ name }) => name)).toEqual([
      'lm_head.weight',
    ])
  })
})

it.each([[['lm_head', 'q_proj']], ['/.*head/']])('refuses to change the output head: %j', (targetModules) => {
  expect(() => pathsOf({ targetModules })).toThrow(/must not be the output head, got lm_head\. Leave it out by/)
})

it('takes a list with the output head where that is excluded', () => {
  expect(pathsOf({ targetModules: ['lm_head', 'q_proj'], excludeModules: ['lm_head'] })).toHaveLength(2)
})

describe('scaling', () => {
  const at = (options: Partial<LoraOptions>, path = 'model.layers.1.self_attn.q_proj') =>
    scalingOf(resolveOptions({ rank: 4, alpha: 8, targetModules: 'all-linear', ...options }), path).scaling

  it('is alpha / rank, or alpha / √rank', () => {
    expect(at({})).toBe(2)
    expect(at({ rankStabilized: true })).toBe(4)
  })

  it('follows the first pattern that ends the path', () => {
    expect(at({ rankPattern: { q_proj: 2, 'layers.1.self_attn.q_proj': 1 } })).toBe(4)
    expect(at({ alphaPattern: { 'self_attn.q_proj': 1 } })).toBe(0.25)
    expect(at({ rankPattern: { proj: 2, 'layers.0.*': 2 } })).toBe(2)
  })
})

describe('errors', () => {
  it.each<[string, () => unknown]>([
    ['no match', () => pathsOf({ targetModules: ['query'] })],
    ['a broken expression', () => pathsOf({ targetModules: '/(?P<name>q)/' })],
    ['a module to save that is not there', () => pathsOf({ targetModules: ['q_proj'], modulesToSave: ['score'] })],
    ['rank 0', () => lora({ rank: 0, targetModules: 'all-linear' })],
    ['a fractional rank in a pattern', () => lora({ rankPattern: { q_proj: 1.5 }, targetModules: 'all-linear' })],
    ['dropout 1', () => lora({ dropout: 1, targetModules: 'all-linear' })],
    ['alpha that is no number', () => lora({ alpha: Number.NaN, targetModules: 'all-linear' })],
    ['another bias', () => lora({ bias: 'all' as 'none', targetModules: 'all-linear' })],
  ])('%s', (_, run) => {
    expect(messageOf(run)).toMatchSnapshot()
  })
})

const messageOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return (error as Error).message
  }
  return expect.fail('expected an error')
}
