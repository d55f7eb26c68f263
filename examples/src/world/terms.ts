import { generalTerms } from './general'
import { attributes, endings, organs, places, pools } from './lexicon'
import { relations } from './relations'
import { wordings } from './wordings'

/** Names of parts and values: what must be one token wherever it stands. */
export const medicalTerms: readonly string[] = [
  ...places,
  ...organs,
  ...endings,
  ...attributes.flatMap((attribute) => pools[attribute]),
]

/** Text between names and values in training wordings and questions. */
export const templatePieces: readonly string[] = [
  ...new Set(
    attributes
      .flatMap((a) => [...wordings[a].told, ...wordings[a].asked])
      .flatMap((t) => t.split(/[NV]/).filter(Boolean)),
  ),
]

/** Marks of the formats. The options' letters stay single characters, so that question and answer share their tokens. */
const marks = ['问：', '答：', '选择题：', '资料：', '，选', '答案：', '解析：']

/** Sentences made of triples, as converters word them. */
const relationPieces = Object.values(relations).flatMap(([names]) => names.map((name) => `的${name}是`))

/** Labels of disease records; they are left in characters, which must all be known. */
export const recordLabels =
  '发病部位：多发人群：所有人群传染性：无传染性医保：非医保疾病检查项目：治疗方式：常用药物：分类：疾病百科、虚构疾病病情描述：希望获得的帮助：例题'

/** Other phrases in pieces: openings, courtesies, advice, evasions, the general world. */
const phrases = `请介绍 是怎样的病？ 简单说说 的概况 医生您好 麻烦您了 请医生回答 谢谢医生
  请按时 按时 请按 医生 的话 用药 请早点 去看 医院 去医院 复查 平时 要注意 休息 有不适 不用 自己 加量 也可以 忍一忍 就好 随便 吃点药 停药
  这个 不好说 我不 知道 您自己 查查吧 过几天 再说吧 您去问 别人吧 看情况
  您好 你好 请问 有什么 什么事？ 很高兴 看到您 谢谢你 不用谢 再见 早上好 我是 一个 小模型 我会 回答 小世界
  怎么 不对 不能 我要 不好 请不要 又买来 送去 现有 几个 等于 第一个 最后 倒过来写 好看 好吃 什么时候 去最好 到了 的人 唱歌 买来 送给`

/** Every piece that the tokenizer's training text is cut into; anything else is cut into characters. */
export const allPieces: readonly string[] = [
  ...new Set([
    ...medicalTerms,
    ...templatePieces,
    ...marks,
    ...relationPieces,
    ...phrases.trim().split(/\s+/),
    ...generalTerms,
  ]),
]

/** Cuts a text into the longest known pieces from the left; what no piece covers is cut into characters. */
export function pieceCutter(pieces: readonly string[] = allPieces): (text: string) => string[] {
  const sorted = [...pieces].sort((x, y) => y.length - x.length || (x < y ? -1 : 1))
  const escaped = sorted.map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(`${escaped.join('|')}|.`, 'gsu')
  return (text) => text.match(pattern) ?? []
}
