import { describe, expect, it } from 'vitest'
import { bigrams } from './bigrams'
import { jieba, jiebaWords } from './jieba'

describe('bigrams', () => {
  const { tokenize } = bigrams()

  it.each([
    ['高血压', ['高血', '血压']],
    ['药', ['药']],
    ['2型糖尿病', ['2', '型糖', '糖尿', '尿病']],
    ['HbA1c 5.6%，CT检查', ['hba1c', '5.6', 'ct', '检查']],
    ['ＣＴ：１２．５㎎', ['ct', '12.5', 'mg']],
    ['第3,000例。共2,例', ['第', '3,000', '例', '共', '2', '例']],
    ['café naïve', ['café', 'naïve']],
    ['𠮷野家', ['𠮷野', '野家']],
    ['𠮷', ['𠮷']],
    ['コーヒー', ['コー', 'ーヒ', 'ヒー']],
    ['，。 \n', []],
    ['', []],
  ])('cuts %j into %j', (text, terms) => {
    expect(tokenize(text)).toEqual(terms)
  })

  it('adds single characters when asked to, and says so in its name', () => {
    const both = bigrams({ unigrams: true })
    expect(both.tokenize('血压𠮷')).toEqual(['血压', '压𠮷', '血', '压', '𠮷'])
    expect(both.tokenize('血压高')).toEqual(['血压', '压高', '血', '压', '高'])
    expect(both.name).not.toBe(bigrams().name)
  })
})

describe('jieba', () => {
  it('cuts in search mode: long words come with the words inside them', async () => {
    const { tokenize, name } = await jieba()
    expect(tokenize('缺铁性贫血')).toEqual(expect.arrayContaining(['贫血']))
    expect(name).toBe('jieba/search')
  })

  it('cuts once in default mode, folds case, leaves punctuation out and knows the terms of a given dictionary', async () => {
    const dictionary = '雾心症 100 n\n'
    const { tokenize, name } = await jieba({ mode: 'default', hmm: false, dictionary, dictionaryName: 'demo' })
    expect(tokenize('高血压患者可以吃党参，查CT。')).toEqual(['高血压', '患者', '可以', '吃', '党参', '查', 'ct'])
    expect(tokenize('石纹热，雾心症')).toEqual(['石纹', '热', '雾心症'])
    expect(name).toBe('jieba/default/no-hmm/demo')
  })

  it('asks for a name beside a dictionary', async () => {
    await expect(jieba({ dictionary: '雾心症 100 n' })).rejects.toMatchObject({ code: 'option' })
  })
})

describe('jiebaWords', () => {
  it('keeps every character', async () => {
    const words = await jiebaWords()
    const text = '体温37.5℃，\n血压 120/80mmHg。'
    expect(words(text).join('')).toBe(text)
  })
})
