import type { ReadOptions } from '../read/jsonl'
import { readLines } from '../read/text'
import type { Message, Row } from '../types'

/** One visit in a text dump: the patient's description and what was said. */
export interface DialogueVisit {
  readonly description: string
  readonly turns: readonly Message[]
}

/** One record of a text dump; follow-up visits come with a description and a dialogue of their own. */
export interface DialogueBlock {
  readonly id: string
  readonly visits: readonly DialogueVisit[]
}

const sections = /^(Description|Dialogue|Diagnosis and suggestions|Doctor faculty)$/
const speaker = /^(病人|患者|医生)[：:]\s*(.*)$/

/** Records of a MedDialog text dump: blocks that begin with `id=N`, with section titles and speaker lines on lines of their own. */
export async function* dialogueBlocks(path: string, options: ReadOptions = {}): AsyncGenerator<Row<DialogueBlock>> {
  let block: BlockReader | undefined
  for await (const { value, file, line } of readLines(path, options)) {
    const id = /^id\s*=\s*(.*)$/.exec(value.trim())
    if (!id) {
      block?.take(value.trim())
      continue
    }
    if (block) yield block.row()
    block = blockReader(id[1]!, file, line)
  }
  if (block) yield block.row()
}

interface BlockReader {
  take(line: string): void
  row(): Row<DialogueBlock>
}

function blockReader(id: string, file: string, line: number): BlockReader {
  const visits: { description: string[]; turns: { role: Message['role']; content: string[] }[] }[] = []
  let section = ''
  const open = (): void => void visits.push({ description: [], turns: [] })

  function take(text: string): void {
    if (sections.test(text)) {
      section = text
      if (
        section === 'Description' ||
        (section === 'Dialogue' && (visits.length === 0 || visits.at(-1)!.turns.length > 0))
      )
        open()
      return
    }
    const visit = visits.at(-1)
    if (text === '' || !visit) return
    if (section === 'Description') visit.description.push(text)
    if (section === 'Dialogue') speak(visit.turns, text)
  }

  const row = (): Row<DialogueBlock> => ({
    value: {
      id,
      visits: visits.map(({ description, turns }) => ({
        description: description.join('\n'),
        turns: turns
          .map(({ role, content }) => ({ role, content: content.join('\n') }))
          .filter(({ content }) => content !== ''),
      })),
    },
    file,
    line,
  })
  return { take, row }
}

/** A speaker line opens a turn; other lines go on with the open one. Lines before the first speaker belong to nobody and are the site's own. */
function speak(turns: { role: Message['role']; content: string[] }[], text: string): void {
  const match = speaker.exec(text)
  if (match) turns.push({ role: match[1] === '医生' ? 'assistant' : 'user', content: match[2] ? [match[2]] : [] })
  else turns.at(-1)?.content.push(text)
}
