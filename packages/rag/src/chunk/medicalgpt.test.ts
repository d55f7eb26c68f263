import { describe, expect, it } from 'vitest'
import { jiebaWords } from '../tokenize/jieba'
import { medicalGptSplitter } from './medicalgpt'

/** Words are given ready cut, so that the rule alone is under test: `一|二` means 一 and 二. */
const split = (text: string, size: number, overlap: number): string[] => {
  const words = text.split('|')
  return medicalGptSplitter({ words: () => words, size, overlap })(words.join('')).map((piece) => piece.text)
}

describe('medicalGptSplitter', () => {
  // The expected chunks were made by the published class on these words and sizes.
  it.each<[string, number, number, string[]]>([
    ['患者|头晕|。|多|喝水|！|休息', 4, 0, ['患者头晕', '。多喝水', '！休息']],
    ['患者|头晕|。|多|喝水|！|休息', 6, 2, ['患者头晕。 多喝', '多喝水！休息']],
    ['患者|头晕|。|多|喝水|！|休息', 5, 5, ['患者头晕。 多喝水！', '多喝水！ 休息', '休息']],
    ['缺铁性贫血|好', 3, 0, ['', '缺铁性贫血', '好']],
    ['雾心症|\n|　|石纹热', 3, 1, ['雾心症', '石', '石纹热']],
    ['雾心症|。|石纹热|。', 8, 7, ['雾心症。 石纹热。', '石纹热。']],
  ])('cuts %j for %i and %i', (text, size, overlap, chunks) => {
    expect(split(text, size, overlap)).toEqual(chunks)
  })

  it('looks ahead: a chunk ends with the first characters of the next one, not with the last of the one before', () => {
    expect(split('甲乙丙。|丁戊己。', 4, 2)).toEqual(['甲乙丙。 丁戊', '丁戊己。'])
  })

  it('cuts text without Chinese characters after sentences and joins them with one space', () => {
    const english = medicalGptSplitter({ words: () => [], size: 16, overlap: 3 })
    expect(english('No fever.  Rest!\nDrink water. Ok?').map(({ text }) => text)).toEqual([
      'No fever. Rest! Dri',
      'Drink water. Ok?',
    ])
  })

  it('says where each chunk lies without its overlap', () => {
    const text = '  患者头晕。\n\n多喝水！'
    const pieces = medicalGptSplitter({ words: (whole) => Array.from(whole), size: 8, overlap: 2 })(text)
    expect(pieces.map(({ start, end }) => text.slice(start, end))).toEqual(['患者头晕。', '多喝水！'])
    expect(pieces[0]!.text).toBe('患者头晕。 多喝')
  })

  it('uses the words of jieba', async () => {
    const words = await jiebaWords()
    const pieces = medicalGptSplitter({ words, size: 7, overlap: 0 })('患者出现缺铁性贫血时应休息。')
    expect(pieces.map(({ text }) => text).join('')).toBe('患者出现缺铁性贫血时应休息。')
    expect(Math.max(...pieces.map(({ text }) => text.length))).toBeLessThanOrEqual(7)
  })

  it('is not slowed down by white space', () => {
    const text = `药${' '.repeat(100_000)}药`
    expect(medicalGptSplitter({ words: (whole) => Array.from(whole) })(text).length).toBeGreaterThan(100)
  })
})
