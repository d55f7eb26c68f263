import { describe, expect, it } from 'vitest'
import { substring } from '../dedup/substring-step'
import type { Step } from '../step'
import type { ChimedRecord, StepReport } from '../types'
import { ngramModelOf, trainNgramModel } from './ngram-model'
import { normaliseText, scriptConverter, skeleton } from './normalise'
import { maskPersonalData } from './personal-data'
import { quality, textMeasures } from './quality'
import { safety } from './safety'
import { maskPersonal, normalise, script } from './steps'

const run = async (step: Step, ...texts: string[]): Promise<{ texts: string[]; report: StepReport }> => {
  const { records, report } = await step.run(texts.map((text): ChimedRecord => ({ text })))
  return { texts: records.map((record) => ('text' in record ? record.text : '')), report }
}

describe('normaliseText', () => {
  it('folds width, blanks and invisible characters, and keeps Chinese punctuation', () => {
    expect(normaliseText('\ufeffＡＢ１２　３℃，\u200b甲\u0007乙\r\n\r\n\r\n\r\n丙 [详细]<br/>丁&nbsp;')).toBe(
      'AB12 3℃，甲乙\n\n丙 丁',
    )
    expect(normaliseText('℃①', { form: 'NFKC' })).toBe('°C1')
    expect(normaliseText('👩‍⚕️')).toBe('👩‍⚕️')
  })

  it('changes nothing the second time', () => {
    for (const text of ['  甲 \n 乙  ', 'ｅ\u0301 <b>x</b>', '\u2028\u0085x', '&amp;lt;']) {
      const once = normaliseText(text, { boilerplate: false })
      expect(normaliseText(once, { boilerplate: false })).toBe(once)
    }
  })

  it('does the same whether or not a text takes the short way', () => {
    const usual = ' 甲\t乙  <b>丙</b>\n\n\n\n丁 [详细] “戊” '
    for (const options of [{}, { boilerplate: false }, { trimLines: false }, { form: 'NFKC' }] as const) {
      // a zero-width space sends a text the long way and is removed there
      expect(normaliseText(`${usual}\u200b`, options)).toBe(normaliseText(usual, options))
    }
    expect(normaliseText('a\u00a0\u00a0b\u3000c　　d\te')).toBe('a b c d e')
  })

  it('compares across layouts by letters and digits alone', () => {
    expect(skeleton('（１）Ａb，甲 乙。')).toBe('1ab甲乙')
  })

  it('drops records that nothing is left of', async () => {
    const { texts, report } = await run(normalise(), '甲', ' \u200b ', 'Ａ')
    expect(texts).toEqual(['甲', 'A'])
    expect(report).toMatchObject({ dropped: { empty: 1 }, changed: { normalised: 1 } })
  })

  it('brings traditional characters to simplified ones', async () => {
    const { texts, report } = await run(script(await scriptConverter('simplified')), '頭暈與發熱', '头晕')
    expect(texts).toEqual(['头晕与发热', '头晕'])
    expect(report.changed).toEqual({ script: 1 })
  })
})

describe('maskPersonalData', () => {
  it('masks numbers, addresses and names in signatures', () => {
    expect(maskPersonalData('请打13800138000或021-12345678，微信：doctor_123').text).toBe(
      '请打[电话]或[电话]，微信：[联系方式]',
    )
    expect(maskPersonalData('身份证11010519491231002X，邮箱 a.b@example.org').text).toBe('身份证[身份证]，邮箱 [邮箱]')
    expect(maskPersonalData('住院号：ZY-20230012，门诊号 88001，住院号段').text).toBe(
      '住院号：[病历号]，门诊号 [病历号]，住院号段',
    )
    expect(maskPersonalData('医生：王小明\n李大夫，您好。张三主任医师').text).toBe(
      '医生：[姓名]\n李大夫，您好。[姓名]主任医师',
    )
  })

  it('leaves doses, lab values and numbers with a wrong check digit alone', () => {
    const text = '每次0.13800138000mg，编号110105194912310021，血压120/80mmHg，张口受限，王浆'
    expect(maskPersonalData(text)).toEqual({ text, found: {} })
  })

  it('counts what it masked', async () => {
    expect((await run(maskPersonal(), '电话13800138000', '没有')).report.changed).toEqual({ 'masked-phone': 1 })
  })
})

describe('quality', () => {
  it('measures language, symbols and repetition', () => {
    expect(textMeasures('甲乙ab').chineseShare).toBe(0.5)
    expect(textMeasures('★★★甲').symbolShare).toBe(0.75)
    expect(textMeasures('这是一句重复的虚构话。'.repeat(10)).repetition).toBeGreaterThan(0.9)
    expect(textMeasures('').symbolShare).toBe(0)
    expect(textMeasures('𠮷é１。😀')).toMatchObject({ chineseShare: 0.5, symbolShare: 0.2, repetition: 0 })
    expect(textMeasures('零一二三四五六七八九甲零一二三四五六七八九').repetition).toBe(20 / 21)
    expect(textMeasures('哈'.repeat(30)).repetition).toBe(1)
  })

  it('drops by each limit under its own name', async () => {
    const good = '虚构症患者应当多休息，清淡饮食，按时复诊。'
    const { texts, report } = await run(
      quality({ maxLength: 500 }),
      good,
      '短',
      'This text is written in English only.',
      '★☆★☆★☆★☆甲乙丙丁',
      '这是一句重复的虚构话。'.repeat(10),
      `${good.repeat(2)}${'长'.repeat(500)}`,
    )
    expect(texts).toEqual([good])
    expect(report.dropped).toEqual({ 'too-short': 1, 'not-chinese': 1, symbols: 1, repetition: 1, 'too-long': 1 })
  })

  it('drops what a character model finds surprising', async () => {
    const model = trainNgramModel(Array.from({ length: 200 }, (_, i) => `虚构症患者应当多休息，第${i}天复诊。`))
    expect(model.perplexity('虚构症患者应当多休息')).toBeLessThan(10)
    expect(model.perplexity('饕餮魑魅魍魉')).toBeGreaterThan(1000)
    const again = ngramModelOf(model.toBytes())
    expect(again.trainedOn).toBe(model.trainedOn)
    for (const text of ['虚构症患者应当多休息', '饕餮魑魅魍魉', ''])
      expect(again.perplexity(text)).toBe(model.perplexity(text))
    for (const bytes of [Buffer.from('x'), Buffer.from('CHIMEDNG'), Buffer.alloc(40), model.toBytes().subarray(1)])
      expect(() => ngramModelOf(bytes)).toThrow(expect.objectContaining({ code: 'file-format' }))
    expect(() => trainNgramModel([], { slots: 1000 })).toThrow(expect.objectContaining({ code: 'option' }))
    const { report } = await run(
      quality({ perplexity: { model, max: 100 } }),
      '虚构症患者应当多休息，第3天复诊。',
      '饕餮魑魅魍魉饕餮魑魅魍魉',
    )
    expect(report.dropped).toEqual({ perplexity: 1 })
  })
})

describe('steps', () => {
  it('are told apart by their options, so that a changed one is run again', () => {
    const model = (text: string) => trainNgramModel([text], { slots: 64 })
    const options = [
      quality(),
      quality({ minLength: 9 }),
      quality({ perplexity: { model: model('甲'), max: 10 } }),
      quality({ perplexity: { model: model('乙'), max: 10 } }),
      safety(),
      safety({ rules: [] }),
      normalise(),
      normalise({ form: 'NFKC' }),
    ].map((step) => JSON.stringify([step.name, step.options]))
    expect(new Set(options).size).toBe(options.length)
    expect(JSON.stringify(quality({ perplexity: { model: model('甲'), max: 10 } }).options)).toBe(
      JSON.stringify(quality({ perplexity: { model: model('甲'), max: 10 } }).options),
    )
  })
})

describe('safety', () => {
  it('catches harmful advice and leaves warnings against it', async () => {
    const { texts, report } = await run(
      safety(),
      '自己停药也可以。',
      '不要自行停药，可以咨询医生。',
      '忍一忍就好了。',
      '祖传秘方，永不复发！',
      '请按时复诊。',
    )
    expect(texts).toEqual(['不要自行停药，可以咨询医生。', '请按时复诊。'])
    expect(report.dropped).toEqual({ 'stop-medicine': 1, 'no-doctor': 1, 'cure-claim': 1 })
    const sticky = safety({ rules: [{ code: 'x', reason: 'x', pattern: /甲/g }] })
    expect((await run(sticky, '一甲', '甲', '甲甲', '乙')).texts).toEqual(['乙'])
  })
})

describe('dedup.substring', () => {
  it('cuts passages out of texts, drops texts that are nothing else, and leaves conversations', async () => {
    const passage = '这一整段虚构的文字在两处出现，因此两处都要删去，只留下各自的开头和结尾，它足够长，可以被发现。'
    const step = substring({ minBytes: 100 })
    const { texts, report } = await run(step, `甲${passage}乙`, passage, '别的文字')
    expect(texts).toEqual(['甲乙', '别的文字'])
    expect(report).toMatchObject({ dropped: { 'all-duplicated': 1 }, changed: { 'passage-removed': 1 } })
    const chat = {
      messages: [
        { role: 'user' as const, content: passage },
        { role: 'assistant' as const, content: passage },
      ],
    }
    expect((await step.run([chat, chat])).records).toEqual([chat, chat])
  })

  it('counts tokens when given a tokenizer', async () => {
    const tokenizer = {
      encode: (text: string) => Array.from(text, (c) => c.codePointAt(0)!),
      decode: (ids: ArrayLike<number>) => String.fromCodePoint(...Array.from(ids)),
    }
    expect((await run(substring({ minTokens: 4, tokenizer }), '一二三四五', '六一二三四')).texts).toEqual(['五', '六'])
    expect(() => substring({ minTokens: 4 })).toThrow(expect.objectContaining({ code: 'option' }))
  })
})
