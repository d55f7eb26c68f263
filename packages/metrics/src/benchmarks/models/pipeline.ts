import type { ChatMessage, EvaluatedModel } from '../model'

/** The part of a Transformers.js `text-generation` pipeline that is used. */
export type TextGenerationPipeline = (
  input: string | ChatMessage[],
  options: { max_new_tokens: number; do_sample: boolean; return_full_text: boolean },
) => Promise<unknown>

/** A Transformers.js pipeline as a model: greedy generation, one prompt at a time. */
export function pipelineModel(pipeline: TextGenerationPipeline, { name }: { readonly name: string }): EvaluatedModel {
  return {
    name,
    batchSize: 1,
    async generate(requests) {
      const texts: string[] = []
      for (const { prompt, maxTokens, stop } of requests) {
        const input = typeof prompt === 'string' ? prompt : [...prompt]
        const reply = await pipeline(input, { max_new_tokens: maxTokens, do_sample: false, return_full_text: false })
        texts.push(cutAt(generatedText(reply), stop ?? []))
      }
      return texts
    },
  }
}

/** The last generated text of a reply: `[{ generated_text }]`, where a conversation comes back as its messages. */
function generatedText(reply: unknown): string {
  const first = (Array.isArray(reply) ? reply.flat()[0] : reply) as
    | { generated_text?: string | ChatMessage[] }
    | undefined
  const text = first?.generated_text
  return typeof text === 'string' ? text : (text?.at(-1)?.content ?? '')
}

/** `text` up to the first of the stop texts. */
export function cutAt(text: string, stops: readonly string[]): string {
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  return ends.length > 0 ? text.slice(0, Math.min(...ends)) : text
}
