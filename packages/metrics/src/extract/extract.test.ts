import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cevalLlamaExtractor, qilinCevalExtractor } from './ceval'
import { cmexamLoraExtractor, cmexamRegexParse, qilinCmexamExtractor } from './cmexam'
import { parseOptions } from './extractor'
import { strictExtractor } from './strict'

const options = parseOptions('A 能补、能缓\nB 能收、能涩\nC 能泄、能燥\nD 能软、能下\nE 能散、能行')

describe('parseOptions', () => {
  it('reads lines and the two characters backslash and n, with a space or a mark after the letter', () => {
    const expected = [
      { letter: 'A', text: '甲 乙' },
      { letter: 'B', text: '丙' },
    ]
    for (const text of ['A 甲 乙\nB 丙', 'A 甲 乙\\nB 丙', 'A. 甲 乙\r\nB、丙'])
      expect(parseOptions(text)).toEqual(expected)
    expect(parseOptions('没有选项')).toEqual([])
  })
})

describe('published extractors', () => {
  it('disagree as the table of reference behaviour says', () => {
    const table: [output: string, lora: string, qilin: string][] = [
      ['答案: A', 'A', 'A'],
      ['答案：A。解释：甘能补、能缓，B错', 'AB', 'A'],
      ['选CA', 'AC', 'CA'],
      ['HIV感染选B', 'B', 'HIV'],
      ['所以答案是AB。', 'AB', 'AB'],
      ['答案：B\n解释：A错', 'B', 'B'],
      ['维生素A缺乏，选D', 'AD', 'A'],
      ['不知道', '无答案', '-'],
    ]
    for (const [output, lora, qilin] of table) {
      expect(cmexamLoraExtractor(output, options).answer).toBe(lora)
      expect(qilinCmexamExtractor(output, options).answer).toBe(qilin)
    }
    expect(qilinCmexamExtractor('不知道', options).parsed).toBe(false)
  })

  it('read answer and explanation with a comma between them only', () => {
    expect(cmexamRegexParse('答案：A，解释：甘')).toEqual({ answer: 'A', explanation: '甘' })
    expect(cmexamRegexParse('答案：A，解释：因为甲，乙')).toEqual({
      answer: 'A，解释：因为甲',
      explanation: '因为甲，乙',
    })
    expect(cmexamRegexParse('答案：A\n解释：甘')).toEqual({ answer: '', explanation: '' })
  })

  it('try the phrases of C-Eval in their order', () => {
    const read = (output: string): string => qilinCevalExtractor(output, options.slice(0, 4)).answer
    expect(read('答案是B，而C是正确的')).toBe('C')
    expect(read('所以答案是D。')).toBe('D')
    expect(read('答：A')).toBe('A')
    expect(read('我看是B')).toBe('B')
    expect(read('A或B')).toBe('-')
    expect(read('因为能泄、能燥')).toBe('C')
  })

  it("read chains of thought as C-Eval's own evaluator does, option texts included", () => {
    const read = (output: string): string => cevalLlamaExtractor(output, options.slice(0, 4)).answer
    expect(read(' 甘味药能补。\n所以答案是A。')).toBe('A')
    expect(read(' 甘味药\n答案是能收、能涩')).toBe('B')
    // A full stop behind the text becomes part of it, and the answer counts as wrong.
    expect(read(' 甘味药\n答案是能收、能涩。')).toBe('能收、能涩。')
    expect(read(' 首先\n因此C。\n让我们一步一步思考，答案是D')).toBe('C')
  })
})

describe('strictExtractor', () => {
  const read = (output: string): string => strictExtractor(output, options).answer

  it('reads statements in their usual forms', () => {
    for (const output of [
      '答案：B',
      '答案是 B。',
      '正确答案为（B）',
      '选B',
      '应选择B',
      'B是正确的',
      '选项B正确',
      'The answer is B.',
      '答案：Ｂ',
      '**答案：B**',
    ])
      expect([output, read(output)]).toEqual([output, 'B'])
  })

  it('reads several letters, once each and in option order', () => {
    for (const output of ['答案：ACD', '答案：D、C、A', '选 A, C 和 D', '答案是AACD'])
      expect([output, read(output)]).toEqual([output, 'ACD'])
  })

  it('takes no letter out of a word, a negation or an explanation', () => {
    expect(read('维生素A缺乏，选D')).toBe('D')
    expect(read('HIV感染选B')).toBe('B')
    expect(read('答案：AIDS')).toBe('')
    expect(read('答案不是A')).toBe('')
    expect(read('不选A')).toBe('')
    expect(read('选项A错误，选项B正确')).toBe('B')
    expect(read('答案：A。解释：甘能补、能缓，B错')).toBe('A')
  })

  it('gives no answer where statements disagree, unless conclusions agree', () => {
    expect(read('答案是A。答案是B。')).toBe('')
    expect(read('有人说答案是A，所以答案是B。')).toBe('B')
  })

  it('reads a text that begins with the letter, and an option by its text', () => {
    for (const output of ['B', ' B。', '(B)', 'B 能收、能涩', 'B. 因为酸味能收', '能收、能涩', '应该是能收能涩吧'])
      expect([output, read(output)]).toEqual([output, 'B'])
    expect(read('能收、能涩和能散、能行')).toBe('')
  })

  it('reads B超 and its like as the option of that name', () => {
    const checks = parseOptions('A CT检查\nB 胸片\nC B超检查\nD 心电图')
    expect(strictExtractor('答案：B超检查', checks).answer).toBe('C')
    expect(strictExtractor('B超检查', checks).answer).toBe('C')
    expect(strictExtractor('首选CT检查', checks).answer).toBe('A')
  })

  it('prefers the longer of two options that contain one another', () => {
    const nested = parseOptions('A 高血压\nB 高血压心脏病\nC 贫血')
    expect(strictExtractor('考虑高血压心脏病', nested).answer).toBe('B')
  })

  it('never answers outside the options and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ABCDEFHIV答案是选：。，错不正确能补 \n') }), (output) => {
        const { answer, parsed } = strictExtractor(output, options.slice(0, 4))
        expect(answer).toMatch(/^A?B?C?D?$/)
        expect(parsed).toBe(answer !== '')
      }),
    )
  })
})
