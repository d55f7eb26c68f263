import { beforeAll, describe, expect, it } from 'vitest'
import { loadJieba } from './jieba'
import type { Segmenter } from './segmenter'

let jieba: Segmenter
beforeAll(async () => {
  jieba = await loadJieba()
})

describe('loadJieba', () => {
  it('cuts the documented sentences as Python jieba 0.42.1 does', () => {
    const cuts = [
      '甘味|能|补能|缓',
      '高血压|患者|可以|吃|党参',
      '高血压|病人|可以|口服|党参|的|。',
      '建议|多喝水|，|多|休息|，|必要|时去|医院|就诊',
      '穿心莲|能|清热解毒|，|凉血|消肿',
    ]
    for (const cut of cuts) expect(jieba.cut(cut.replaceAll('|', '')).join('|')).toBe(cut)
  })

  it('keeps a dash between letters and digits apart, as jieba does and @node-rs/jieba does not', () => {
    expect(jieba.cut('CTHIV-1阳性')).toEqual(['CTHIV', '-', '1', '阳性'])
    expect(jieba.cut('含量1.5%')).toEqual(['含量', '1.5%'])
  })

  it('gives white space and rare ideographs back one by one, with \\r\\n together', () => {
    expect(jieba.cut(' \r\n\t𠮷野')).toEqual([' ', '\r\n', '\t', '𠮷', '野'])
  })

  it('loses no character', () => {
    const text = '患者，女，37岁：HbA1c≥6.5% 😀\n服用Vit-B12 0.5mg。'
    for (const hmm of [true, false]) expect(jieba.cut(text, { hmm }).join('')).toBe(text)
  })

  it('recognises names only with the Markov model', () => {
    expect(jieba.cut('他来到了网易杭研大厦')).toContain('杭研')
    expect(jieba.cut('他来到了网易杭研大厦', { hmm: false })).not.toContain('杭研')
  })

  it('lists shorter words before a long one for search, and all words in full mode', () => {
    expect(jieba.cutForSearch('中国科学院')).toEqual(['中国', '科学', '学院', '科学院', '中国科学院'])
    expect(jieba.cutAll('中国科学院')).toEqual(['中国', '中国科学院', '科学', '科学院', '学院'])
  })

  it('keeps an added word together', async () => {
    const text = '诊断为灰斑蝶症一例'
    expect(jieba.cut(text)).not.toContain('灰斑蝶症')
    const own = await loadJieba({ words: [['灰斑蝶症', 20000]] })
    expect(own.cut(text)).toContain('灰斑蝶症')
  })
})
