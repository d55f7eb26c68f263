import { RagError, wholeNumber } from '../errors'
import type { PromptBuilder, Source } from './prompt'

/** Options of `medicalGptPrompt`. */
export interface MedicalGptPromptOptions {
  /** The prompt, with `{context_str}` and `{query_str}` where sources and question go. */
  readonly template?: string
  /** Characters that sources and template share. */
  readonly contextLength?: number
}

/**
 * The prompt of MedicalGPT's retrieval demo: each source as `[n]`, a tab, a space and the text in quotes, one a line; the
 * lines together cut, in the middle of a word if need be, to `contextLength` less the template's length in characters.
 * The question is not counted. The default template says in our words what the original says; pass the original to get
 * its prompts character by character.
 *
 * @throws RagError (`option`) for a template without either place, or longer than `contextLength`
 * @see shibing624/MedicalGPT, demo/chatpdf.py
 */
export function medicalGptPrompt({
  template = defaultTemplate,
  contextLength = 2048,
}: MedicalGptPromptOptions = {}): PromptBuilder {
  const room = wholeNumber('medicalGptPrompt', 'contextLength', contextLength, 1) - Array.from(template).length
  if (!template.includes('{context_str}') || !template.includes('{query_str}') || room < 0)
    throw new RagError(
      'option',
      `medicalGptPrompt: expected a template with {context_str} and {query_str}, shorter than ${contextLength} characters, got one of ${contextLength - room}. Mend the template.`,
      { operation: 'medicalGptPrompt' },
    )
  return ({ question, hits }) => {
    const sources: Source[] = []
    let left = room
    for (const hit of hits) {
      const head = `${sources.length === 0 ? '' : '\n'}[${sources.length + 1}]\t "`
      const text = Array.from(hit.text)
        .slice(0, Math.max(0, left - head.length))
        .join('')
      if (text === '' && hit.text !== '') break
      sources.push({ number: sources.length + 1, hit, text })
      left -= Array.from(`${head}${hit.text}"`).length
    }
    const lines = hits.map(({ text }, i) => `[${i + 1}]\t "${text}"`).join('\n')
    const context = Array.from(lines).slice(0, room).join('')
    const parts: Record<string, string> = { '{context_str}': context, '{query_str}': question }
    const prompt = template.replace(/\{(?:context_str|query_str)\}/g, (place) => parts[place]!)
    return { prompt, sources, omitted: hits.slice(sources.length) }
  }
}

const defaultTemplate = `请根据已知内容，用简洁、专业的中文回答问题。
已知内容不足以回答时，请说“根据已知信息无法回答该问题”，不得编造。

已知内容:
{context_str}

问题:
{query_str}
`
