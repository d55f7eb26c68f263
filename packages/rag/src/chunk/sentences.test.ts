import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sentences } from './sentences'

const cut = (text: string): string[] => sentences(text).map(({ start, end }) => text.slice(start, end))

describe('sentences', () => {
  it.each([
    ['雾心症患者应休息。多喝水！能吃星椒吗？', ['雾心症患者应休息。', '多喝水！', '能吃星椒吗？']],
    ['他说：“会好的。”然后走了。', ['他说：“会好的。”', '然后走了。']],
    ['体温37.5℃，脉搏80.5次。', ['体温37.5℃，脉搏80.5次。']],
    ['真的吗？！……是。', ['真的吗？！……', '是。']],
    ['第一行\n第二行\r\n\n第三行', ['第一行\n', '第二行\r\n\n', '第三行']],
    ['清热；解毒；凉血', ['清热；', '解毒；', '凉血']],
    ['He was seen by Dr. Fog. No fever.', ['He was seen by Dr. Fog. ', 'No fever.']],
    ['Take 2.5 mg, e.g. at night. Then rest! Why? Ok', ['Take 2.5 mg, e.g. at night. ', 'Then rest! ', 'Why? ', 'Ok']],
    ['See www.example.org/a?b=c for more. End', ['See www.example.org/a?b=c for more. ', 'End']],
    ['1.高血压 2.低血压', ['1.高血压 2.低血压']],
    ['能吃吗?可以.好', ['能吃吗?', '可以.', '好']],
    ['没有句号', ['没有句号']],
    ['', []],
  ])('cuts %j', (text, expected) => {
    expect(cut(text)).toEqual(expected)
  })

  it('leaves nothing out: the slices of any text joined are the text', () => {
    const text = fc
      .array(fc.oneof(fc.constantFrom(...'雾。！？；…“”.!? \n\r,Dr1'), fc.string({ unit: 'binary', maxLength: 3 })))
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, (whole) => {
        expect(cut(whole).join('')).toBe(whole)
        expect(cut(whole)).not.toContain('')
      }),
    )
  })
})
