export {
  type CmexamExplanationOptions,
  type CmexamOptions,
  cmexam,
  cmexamExplanation,
  type ExamForm,
  type ExamTemplate,
} from './cmexam'
export {
  chineseMedicalDialogue,
  cmd,
  type DialogueDumpOptions,
  type MedicalDialogueOptions,
  medicalDialogueSystem,
} from './dialogue'
export {
  alpacaGpt4Zh,
  conversations,
  type Hc3Options,
  hc3Chinese,
  instructChat,
  multiturnChat,
  safetyPrompts,
  schoolMath,
  train1mCn,
  train2mCn,
  train35mCn,
} from './instructions'
export { cpubmedKg, health39Kg, type TripleOptions, xywyKg } from './knowledge'
export { medicalgptReward, type RankedOptions, zhongjingRlhf } from './preference'
export { huatuoEncyclopedia, huatuoKnowledge, type QuestionOptions } from './questions'
export { medqaTextbooks, type TextbookOptions } from './textbooks'
