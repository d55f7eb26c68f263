import type { Attribute } from './lexicon'

/** Relations and types of the value, as CPubMed-KG names them; the second relation spells the attribute out. */
export const relations: Readonly<Record<Attribute, readonly [relations: readonly string[], type: string]>> = {
  department: [['就诊科室'], '科室'],
  symptom: [['临床表现', '主要症状'], '症状'],
  cause: [['病因', '主要病因'], '社会学'],
  examination: [['辅助检查', '首选检查'], '检查'],
  drug: [['药物治疗', '首选药物'], '药物'],
  therapy: [['辅助治疗', '主要治疗'], '其他治疗'],
  complication: [['并发症', '常见并发症'], '疾病'],
  prevention: [['预防', '预防方法'], '其他治疗'],
}
