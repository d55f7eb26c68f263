/** Kinds of personal data that `maskPersonalData` knows. */
export type PersonalData = 'id' | 'record' | 'phone' | 'email' | 'contact' | 'name' | 'url'

/** Options of `maskPersonalData`. */
export interface PersonalDataOptions {
  /** What is masked (default: all but `url`). */
  readonly kinds?: readonly PersonalData[] | undefined
  /** What stands in its place (default `[电话]`, `[身份证]`, ...). */
  readonly mask?: ((kind: PersonalData) => string) | undefined
}

/** A text with masks, and how often each kind was found. */
export interface MaskedText {
  readonly text: string
  readonly found: Readonly<Partial<Record<PersonalData, number>>>
}

const surname =
  '[赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫经房裘缪干解应宗丁宣邓郁单杭洪包诸左石崔吉龚程嵇邢裴陆荣翁荀羊惠甄曲封储靳邴糜松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘厉戎祖武符刘景詹束龙叶幸司韶黎薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍桑桂濮牛寿通边扈燕冀浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那简饶空曾母沙养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公]'

/** In the order they are looked for: an ID number holds what looks like a phone number. */
const patterns: Readonly<
  Record<
    PersonalData,
    {
      readonly pattern: RegExp
      /** What a text must have for the pattern to be tried at all. */
      readonly needs: RegExp
      readonly mask: string
      readonly accept?: (match: string) => boolean
    }
  >
> = {
  id: {
    pattern: /(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dXx])/g,
    needs: /\d{17}/,
    mask: '[身份证]',
    accept: hasIdChecksum,
  },
  record: {
    pattern:
      /(?<=(?:住院号|门诊号|病历号|病案号|就诊卡号|医保卡号|社保号)(?:码|是|为)?[\s:：]{0,3})[A-Za-z0-9-]{4,24}/g,
    needs: /住院号|门诊号|病历号|病案号|就诊卡号|医保卡号|社保号/,
    mask: '[病历号]',
  },
  phone: {
    pattern:
      /(?<![\d.])(?:(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}|0\d{2,3}[- ]\d{7,8}|400[- ]?\d{3}[- ]?\d{4})(?![\d.])/g,
    needs: /\d{3}/,
    mask: '[电话]',
  },
  email: { pattern: /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}/g, needs: /@/, mask: '[邮箱]' },
  contact: {
    pattern: /(?<=(?:微信|QQ|qq|扣扣|weixin|WeChat)(?:号|号码|群)?(?:是|为)?[\s:：]{0,3})[A-Za-z0-9_-]{5,20}/g,
    needs: /微信|QQ|qq|扣扣|weixin|WeChat/,
    mask: '[联系方式]',
  },
  name: {
    pattern: new RegExp(
      `${surname}[\\u4e00-\\u9fff]{1,2}(?=(?:主任|副主任|主治|住院)?(?:医师|医生|大夫|教授)(?:[，。！\\s]|$))|(?<=(?:医生|医师|大夫|主任|签名|署名|落款)[:：]\\s?)${surname}[\\u4e00-\\u9fff]{1,2}(?![\\u4e00-\\u9fff])`,
      'g',
    ),
    needs: /医师|医生|大夫|教授|主任|签名|署名|落款/,
    mask: '[姓名]',
  },
  url: { pattern: /https?:\/\/[^\s\u4e00-\u9fff，。）)]{4,500}/g, needs: /https?:/, mask: '[链接]' },
}

/**
 * The text with personal data masked: identity numbers (with a right check digit), numbers of medical records,
 * phone numbers, e-mail addresses, chat names, and names of
 * doctors in signatures and titles. Rules, not a model: names elsewhere stay.
 */
export function maskPersonalData(
  text: string,
  { kinds = ['id', 'record', 'phone', 'email', 'contact', 'name'], mask }: PersonalDataOptions = {},
): MaskedText {
  const found: Partial<Record<PersonalData, number>> = {}
  let masked = text
  for (const kind of Object.keys(patterns) as PersonalData[]) {
    if (!kinds.includes(kind)) continue
    const { pattern, needs, mask: standard, accept = () => true } = patterns[kind]
    if (!needs.test(masked)) continue
    masked = masked.replace(pattern, (match) => {
      if (!accept(match)) return match
      found[kind] = (found[kind] ?? 0) + 1
      return mask?.(kind) ?? standard
    })
  }
  return { text: masked, found }
}

/** The last digit of an identity number is a weighted sum of the others (GB 11643-1999, modulus 11). */
function hasIdChecksum(id: string): boolean {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
  const sum = weights.reduce((total, weight, index) => total + weight * Number(id[index]), 0)
  return '10X98765432'[sum % 11] === id[17]!.toUpperCase()
}
