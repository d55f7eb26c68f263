import { textOf } from '../record'
import { drop } from '../sources/source'
import { rowStep, type Step } from '../step'

/** A rule of the safety screen: a text is caught when the pattern matches. */
export interface SafetyRule {
  readonly code: string
  readonly reason: string
  readonly pattern: RegExp
}

/**
 * Rules for medical text: advice that harms whoever follows it, and advertisement. They look at words only; a text that warns of
 * something is told apart by a negation close before it.
 */
export const safetyRules: readonly SafetyRule[] = [
  {
    code: 'stop-medicine',
    reason: 'advice to stop medicine without a doctor',
    pattern:
      /(?<!不[要能可宜得]|切[勿忌]|避免|禁止|不应|千万别|别|不能)(?:自行|自己|擅自)(?:停药|加量|减量|换药)(?:也|都|就)?(?:可以|没事|没关系|行)/,
  },
  {
    code: 'no-doctor',
    reason: 'advice against seeing a doctor',
    pattern: /(?:不用|不必|没必要|无需)(?:去|看|找)(?:医院|医生|大夫)|(?:忍一忍|拖一拖)就(?:好|行|过去)/,
  },
  {
    code: 'cure-claim',
    reason: 'a promise of certain cure',
    pattern: /(?:包治百病|药到病除|百分之?百(?:治愈|根治)|100%(?:治愈|根治)|永不复发|祖传秘方.{0,10}(?:根治|治愈))/,
  },
  {
    code: 'advertisement',
    reason: 'advertisement with a way to buy',
    pattern:
      /(?:加|添加|联系).{0,4}(?:微信|QQ|客服).{0,12}(?:购买|订购|咨询|优惠)|(?:点击|扫码).{0,6}(?:购买|领取|下单)/,
  },
  {
    code: 'self-harm',
    reason: 'instructions for self-harm',
    pattern: /(?:自杀|自残)的?(?:方法|方式|步骤)(?:是|有|如下|：|:)/,
  },
]

/** Options of `safety`. */
export interface SafetyOptions {
  readonly rules?: readonly SafetyRule[] | undefined
}

/** A step that drops records caught by a rule; each rule counts under its own code. */
export const safety = ({ rules = safetyRules }: SafetyOptions = {}): Step =>
  rowStep(
    'safety',
    (record) => {
      const text = textOf(record)
      const hit = rules.find(({ pattern }) => text.search(pattern) >= 0)
      return hit ? drop(hit.code, hit.reason) : { record }
    },
    rules.map(({ code, pattern }) => [code, String(pattern)]),
  )
