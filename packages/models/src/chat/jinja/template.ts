import { globalsOf } from './globals'
import { parseTemplate } from './parser'
import { type Rendering, render } from './render'
import { fromJson } from './values'
import { visit } from './visit'

/** A chat template, parsed. */
export interface Template {
  /**
   * Text for the given variables (JSON-like data).
   *
   * @throws JinjaError where Jinja for Python, set up as Transformers does it, raises
   */
  render(variables: Readonly<Record<string, unknown>>, options?: { readonly now?: Date | undefined }): Rendering
  /** Texts that stand in the template itself: outside of tags, and as strings inside. */
  readonly literals: readonly string[]
  /** True when it marks what the assistant says by `{% generation %}`. */
  readonly marksGeneration: boolean
}

/**
 * A template in the language of Jinja as Transformers reads chat templates: Python's values and methods, loop controls,
 * `{% generation %}` blocks, no access to anything outside.
 *
 * @throws JinjaError `TemplateSyntaxError`
 */
export const compileTemplate = (source: string): Template => {
  const statements = parseTemplate(source)
  const literals: string[] = []
  let marksGeneration = false
  visit(statements, (node) => {
    if (node.type === 'text') literals.push(node.text)
    else if (node.type === 'constant' && typeof node.value === 'string') literals.push(node.value)
    else if (node.type === 'generation') marksGeneration = true
  })
  return {
    literals,
    marksGeneration,
    render: (variables, { now } = {}) =>
      render(
        statements,
        new Map(
          Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, fromJson(value)]])),
        ),
        globalsOf(now),
      ),
  }
}
