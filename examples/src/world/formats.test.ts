import { describe, expect, it } from 'vitest'
import { contextText, dialogueTurn, examAnswer, examTurn, prompt, questionParts } from './formats'

const exam = { question: '甲吃什么药？', options: ['子', '丑', '寅'], answer: 1, explanation: '甲的首选药物是丑。' }

describe('the formats', () => {
  it('write an exam question with each letter directly before its option', () => {
    expect(examTurn(exam)).toBe('选择题：甲吃什么药？A子 B丑 C寅')
    expect(examTurn(exam, ['一。', '二。'])).toBe('资料：一。二。选择题：甲吃什么药？A子 B丑 C寅')
  })

  it('answer with the statement first and the letter last', () => {
    expect(examAnswer(exam)).toBe('甲的首选药物是丑，选B。')
  })

  it('end every answer of a conversation but the last prompt with the end token', () => {
    expect(prompt('丙', [['甲', '乙']])).toBe('问：甲答：乙</s>问：丙答：')
    expect(dialogueTurn('甲？', ['乙。'])).toBe('资料：乙。甲？')
  })

  it('cut the passage out of an exam text again', () => {
    const text = contextText(['一。', '二。']) + exam.question
    expect(questionParts(text)).toEqual({ context: ['一。二。'], question: exam.question })
    expect(questionParts(exam.question)).toEqual({ context: [], question: exam.question })
  })
})
