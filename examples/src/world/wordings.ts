import { type Attribute, attributes } from './lexicon'

/** How one attribute is told and asked. `N` stands for the disease's name, `V` for the value. */
export interface Wordings {
  /** Chinese name of the attribute. */
  readonly label: string
  /** Six wordings that training texts use; the first is the one that answers use, the last two put the value first. */
  readonly told: readonly string[]
  /** Two wordings that no training text uses: held out for perplexity. */
  readonly heldOut: readonly string[]
  /** Three ways to ask. */
  readonly asked: readonly string[]
}

/** The wordings of every attribute. */
export const wordings: Readonly<Record<Attribute, Wordings>> = {
  department: {
    label: '就诊科室',
    told: ['N的就诊科室是V', 'N患者应当挂V', '得了N要看V', 'N通常归V诊治', 'V负责诊治N', 'V经常收治N患者'],
    heldOut: ['N病人大多转到V', 'V的医生很熟悉N'],
    asked: ['N的就诊科室是哪个？', 'N应该挂什么科？', '得了N去哪个科看？'],
  },
  symptom: {
    label: '症状',
    told: ['N的主要症状是V', 'N患者常有V', '患上N后会出现V', 'N多表现为V', 'V是N的典型症状', 'V提示可能患上N'],
    heldOut: ['N发作时可以看到V', 'V多见于N病人'],
    asked: ['N的症状有哪些？', 'N有什么症状？', '患上N后有什么表现？'],
  },
  cause: {
    label: '病因',
    told: ['N的主要病因是V', 'N多由V引起', 'N的发生与V有关', '导致N的原因是V', 'V会引起N', 'V是N的病因'],
    heldOut: ['N往往起于V', 'V容易诱发N'],
    asked: ['N的病因是哪一种？', 'N是什么引起的？', '为什么会患上N？'],
  },
  examination: {
    label: '检查',
    told: ['N的首选检查是V', '确诊N要做V', '怀疑N时应当查V', 'N主要靠V诊断', 'V用来确诊N', 'V是N的首选检查'],
    heldOut: ['N病人先安排V', 'V可以发现N'],
    asked: ['N的检查选哪一项？', 'N要做什么检查？', '用什么确诊N？'],
  },
  drug: {
    label: '药物',
    told: ['N的首选药物是V', 'N患者常服用V', '治N的药多选V', '医生给N患者开V', 'V是N的常用药物', 'V这种药对N有效'],
    heldOut: ['N病人按时吃V', 'V能缓解N'],
    asked: ['N的药物选哪一种？', 'N吃什么药？', '治N用什么药？'],
  },
  therapy: {
    label: '治疗',
    told: ['N的主要治疗是V', 'N患者适合做V', '治疗N以V为主', 'N可以用V治疗', 'V适合治疗N', 'V是治疗N的方法'],
    heldOut: ['N病人需要V', 'V有助于N恢复'],
    asked: ['N的治疗选哪一种？', 'N怎么治疗？', '治疗N有什么方法？'],
  },
  complication: {
    label: '并发症',
    told: ['N的常见并发症是V', 'N容易并发V', 'N久治不愈会并发V', 'N可以合并V', 'V是N的并发症', 'V常随N并发'],
    heldOut: ['N严重时伴有V', 'V可由N发展而来'],
    asked: ['N的并发症是哪一种？', 'N有什么并发症？', 'N容易并发什么？'],
  },
  prevention: {
    label: '预防',
    told: ['N的预防方法是V', '预防N要V', '想预防N应当V', 'N可以靠V预防', 'V能够预防N', 'V是预防N的方法'],
    heldOut: ['N流行时应当V', 'V使人不易得N'],
    asked: ['N的预防选哪一种？', 'N怎么预防？', '预防N有什么方法？'],
  },
}

/** One thing known about one disease. */
export interface Fact {
  readonly name: string
  readonly attribute: Attribute
  readonly value: string
}

/** `template` with the disease's name and the value filled in. */
export function fill(template: string, name: string, value = ''): string {
  return template.replace('V', value).replace('N', name)
}

/** A fact as a sentence without its full stop, in training wording number `wording`. */
export function told(fact: Fact, wording: number): string {
  return fill(wordings[fact.attribute].told[wording]!, fact.name, fact.value)
}

/** A fact as the sentence that answers use: name first, value last. */
export function statement(fact: Fact): string {
  return told(fact, 0)
}

/** A fact in a wording that no training text uses. */
export function toldHeldOut(fact: Fact, wording: number): string {
  return fill(wordings[fact.attribute].heldOut[wording]!, fact.name, fact.value)
}

/** A fact as a question, in wording number `wording`. */
export function asked(fact: Pick<Fact, 'name' | 'attribute'>, wording: number): string {
  return fill(wordings[fact.attribute].asked[wording]!, fact.name)
}

/** How many training, held-out and question wordings every attribute has. */
export const wordingCounts: { readonly told: number; readonly heldOut: number; readonly asked: number } = {
  told: Math.min(...attributes.map((a) => wordings[a].told.length)),
  heldOut: Math.min(...attributes.map((a) => wordings[a].heldOut.length)),
  asked: Math.min(...attributes.map((a) => wordings[a].asked.length)),
}
