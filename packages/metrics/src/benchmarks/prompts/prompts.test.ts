import { describe, expect, it } from 'vitest'
import { cevalPrompter } from './ceval'
import type { ChoiceQuestion } from './choice-prompt'
import { cmexamExplanationPrompter, cmexamPrompter } from './cmexam'
import { cmmluPrompter } from './cmmlu'

const question = (id: string, text: string, answer: string, explanation = ''): ChoiceQuestion => ({
  id,
  question: text,
  subject: 'physician',
  answer,
  explanation,
  options: [...'ABCD'].map((letter) => ({ letter, text: `${text}选项${letter}` })),
})
const shot = question('0', '例题', 'B', '因为如此')
const asked = question('1', ' 考题 ', 'C')

describe('C-Eval prompts', () => {
  it('are those of the official LLaMA evaluator', () => {
    const { prompt, sharedPrefix } = cevalPrompter('ceval')(asked, [shot])
    expect(prompt).toBe(
      '以下是中国关于physician考试的单项选择题，请选出其中的正确答案。\n\n' +
        '例题\nA. 例题选项A\nB. 例题选项B\nC. 例题选项C\nD. 例题选项D\n答案：B\n\n' +
        ' 考题 \nA.  考题 选项A\nB.  考题 选项B\nC.  考题 选项C\nD.  考题 选项D\n答案：',
    )
    expect((prompt as string).slice(0, sharedPrefix)).toMatch(/答案：B\n\n$/)
    const thought = cevalPrompter('ceval', { thought: true })(asked, [shot]).prompt as string
    expect(thought).toContain('\n答案：让我们一步一步思考，\n因为如此\n所以答案是B。\n\n')
    expect(thought).toMatch(/\n答案：让我们一步一步思考，\n1\.$/)
    expect(cevalPrompter('ceval')(asked, []).prompt).toMatch(/^ 考题 \nA\. /)
  })

  it('are those of the Qilin-Med scripts: rounds from 1, the header in the first question', () => {
    const { prompt, outputPrefix } = cevalPrompter('qilin-scripts')(asked, [shot, shot])
    expect(prompt).toBe(
      '[Round 1]\n\n问：以下是中国关于physician考试的单项选择题，请选出其中的正确答案。\n\n例题\nA. 例题选项A\nB. 例题选项B\nC. 例题选项C\nD. 例题选项D\n答案：\n\n答：B\n\n' +
        '[Round 2]\n\n问：例题\nA. 例题选项A\nB. 例题选项B\nC. 例题选项C\nD. 例题选项D\n答案：\n\n答：B\n\n' +
        '[Round 3]\n\n问： 考题 \nA.  考题 选项A\nB.  考题 选项B\nC.  考题 选项C\nD.  考题 选项D\n答案：\n\n答：',
    )
    expect(outputPrefix).toBe('答：')
    expect(cevalPrompter('qilin-scripts')(asked, []).prompt).toBe(
      ' 考题 \nA.  考题 选项A\nB.  考题 选项B\nC.  考题 选项C\nD.  考题 选项D\n答案：',
    )
  })

  it('are those of lm-evaluation-harness: Chinese name, no 考试, a space before letters', () => {
    const { prompt, letter } = cevalPrompter('lm-eval')(asked, [shot])
    expect(prompt).toBe(
      '以下是中国关于医师资格的单项选择题，请选出其中的正确答案。\n\n' +
        '例题\nA. 例题选项A\nB. 例题选项B\nC. 例题选项C\nD. 例题选项D\n答案： B\n\n' +
        '考题\nA.  考题 选项A\nB.  考题 选项B\nC.  考题 选项C\nD.  考题 选项D\n答案：',
    )
    expect(letter!('C')).toBe(' C')
  })

  it('are the chat turns of LLaMA-Factory', () => {
    expect(cevalPrompter('llamafactory')(asked, [shot]).prompt).toEqual([
      {
        role: 'user',
        content:
          '以下是中国关于医师资格考试的单项选择题，请选出其中的正确答案。\n\n例题\nA. 例题选项A\nB. 例题选项B\nC. 例题选项C\nD. 例题选项D\n答案：',
      },
      { role: 'assistant', content: 'B' },
      { role: 'user', content: ' 考题 \nA.  考题 选项A\nB.  考题 选项B\nC.  考题 选项C\nD.  考题 选项D\n答案：' },
    ])
    const zeroShot = cevalPrompter('llamafactory')(asked, []).prompt as readonly { content: string }[]
    expect(zeroShot[0]!.content).toMatch(/^以下是中国关于医师资格考试/)
  })

  it('keep the header without examples by default', () => {
    expect(cevalPrompter('default')(asked, []).prompt).toMatch(
      /^以下是中国关于医师资格考试的单项选择题，请选出其中的正确答案。\n\n 考题/,
    )
  })
})

describe('CMMLU prompts', () => {
  it("are the benchmark's own and those of lm-evaluation-harness", () => {
    const anatomy = { ...asked, subject: 'anatomy' }
    expect(cmmluPrompter('default')(anatomy, [shot]).prompt).toBe(
      '以下是关于解剖学的单项选择题，请直接给出正确答案的选项。\n\n' +
        '题目：例题\nA. 例题选项A\nB. 例题选项B\nC. 例题选项C\nD. 例题选项D\n答案是：B\n\n' +
        '题目： 考题 \nA.  考题 选项A\nB.  考题 选项B\nC.  考题 选项C\nD.  考题 选项D\n答案是：',
    )
    expect(cmmluPrompter('lm-eval')(anatomy, [shot]).prompt).toMatch(/答案： B\n\n考题\nA\./)
  })
})

describe('CMExam prompts', () => {
  const exam: ChoiceQuestion = { id: '1', question: '甘味', optionsText: 'A 补\nB 收', options: [], answer: 'A' }

  it('are those of the Qilin-Med scripts, without the shots that they build', () => {
    expect(cmexamPrompter('qilin-scripts')(exam, [exam]).prompt).toBe('甘味\nA 补\nB 收\n答案：')
  })

  it("are those of CMExam's LoRA models", () => {
    expect(cmexamPrompter('cmexam-lora')(exam, []).prompt).toBe('问题: 甘味, \n 选项: A 补\nB 收\n### 回答:\n')
  })

  it('ask plainly by default, for the explanation without telling the answer', () => {
    expect(cmexamPrompter('default')(exam, [exam]).prompt).toBe(
      '问题：甘味\n选项：\nA 补\nB 收\n答案：A\n\n问题：甘味\n选项：\nA 补\nB 收\n答案：',
    )
    expect(cmexamExplanationPrompter('default')(exam)).toBe('问题：甘味\n选项：\nA 补\nB 收\n解析：')
  })
})
