import { type GenerateOptions, type GenerateWork, generatorOver } from '../generate/generate'
import { type GenerationStep, generationStep } from '../generate/step'
import type { LanguageModel, NetworkAdapter } from '../model'
import { prefixStore } from '../score/prefixes'
import { type ScorePrograms, scorePrograms } from '../score/programs'
import { type Score, type ScoreOptions, type ScorerState, type ScoreWork, scorerOver } from '../score/score'
import type { Tokenizer } from '../tokenizer/types'
import { partedRequests, type TextScoreRequest } from './parted'
import { stopCutter } from './stop'

/** A text, which the tokenizer's own template surrounds (a BOS token), or token ids such as `tokenizer.chat` gives. */
export type TextPrompt = string | readonly number[]

/** Options of generated text. */
export interface TextGenerateOptions extends Omit<GenerateOptions, 'ended'> {
  /** Any adapter of this model; adapters of one structure share a session, and all share the weights. */
  readonly adapter?: NetworkAdapter
  /** Texts that end the answer; they are not part of it. */
  readonly stop?: readonly string[]
}

/** Options of scores of texts. */
export interface TextScoreOptions extends ScoreOptions {
  readonly adapter?: NetworkAdapter
}

/** Tokens that went through a model: `computed` and `alone` by scoring, the others by generating. */
export interface TextWork extends ScoreWork, GenerateWork {}

/** A model that is spoken to in text. Programs are loaded at the first call that needs them. */
export interface TextModel extends AsyncDisposable {
  /** One answer, piece by piece. Leaving the loop stops it. */
  stream(prompt: TextPrompt, options?: TextGenerateOptions): AsyncGenerator<string>
  /** One answer; special tokens are left out of it. */
  generate(prompt: TextPrompt, options?: TextGenerateOptions): Promise<string>
  /** One answer a prompt, for any number of prompts; computed in batches of prompts of like lengths. */
  generateAll(prompts: readonly TextPrompt[], options?: TextGenerateOptions): Promise<string[]>
  /** Log-likelihood (natural log, summed over its tokens) of each continuation; the prompt is computed once. */
  score(prompt: TextPrompt, continuations: readonly string[], options?: TextScoreOptions): Promise<number[]>
  /** Scores of many requests; beginnings that their prompts share are computed once, and kept for later calls. */
  scoreAll(requests: readonly TextScoreRequest[], options?: TextScoreOptions): Promise<Score[][]>
  /** Tokens that went through the model so far. */
  readonly work: Readonly<TextWork>
  /** Frees the programs; the runtime does so too when it is disposed. */
  dispose(): Promise<void>
}

interface Programs {
  readonly step: GenerationStep
  readonly score: ScorePrograms
}

/** `model` as a model that is spoken to in text. @param tokenizer the model's, or what loads it at the first call */
export const textModel = (model: LanguageModel, tokenizer: Tokenizer | (() => Promise<Tokenizer>)): TextModel => {
  const tokenizerOf = typeof tokenizer === 'function' ? tokenizer : async () => tokenizer
  const pool = new Map<string | NetworkAdapter | undefined, Programs>()
  const work: TextWork = { computed: 0, alone: 0, read: 0, written: 0 }
  const state: ScorerState = { prefixes: prefixStore(2 ** 28), work }

  const programsFor = (adapter: NetworkAdapter | undefined): Programs => {
    const key = adapter?.structure ?? adapter
    const known = pool.get(key)
    if (known) return known
    const made = { step: generationStep(model, adapter), score: scorePrograms(model, adapter) }
    pool.set(key, made)
    return made
  }
  const generatorFor = (adapter: NetworkAdapter | undefined) =>
    generatorOver(model, programsFor(adapter).step, adapter, work)

  async function* stream(prompt: TextPrompt, { adapter, stop = [], ...options }: TextGenerateOptions = {}) {
    const tokenizer = await tokenizerOf()
    const decoder = tokenizer.streamDecoder({ skipSpecialTokens: true })
    const cutter = stopCutter(stop)
    const ids = idsOf(prompt, tokenizer)
    for await (const id of generatorFor(adapter).stream(ids, options)) {
      const piece = cutter.push(decoder.push(id))
      if (piece !== '') yield piece
      if (cutter.stopped) return
    }
    const last = cutter.push(decoder.end()) + cutter.end()
    if (last !== '') yield last
  }

  async function generateAll(
    prompts: readonly TextPrompt[],
    { adapter, stop = [], ...options }: TextGenerateOptions = {},
  ): Promise<string[]> {
    const tokenizer = await tokenizerOf()
    const answers = prompts.map(() => ({
      text: '',
      decoder: tokenizer.streamDecoder({ skipSpecialTokens: true }),
      cutter: stopCutter(stop),
    }))
    const ended = (ids: readonly number[], row: number): boolean => {
      const { decoder, cutter } = answers[row]!
      answers[row]!.text += cutter.push(decoder.push(ids.at(-1)!))
      return cutter.stopped
    }
    const ids = prompts.map((prompt) => idsOf(prompt, tokenizer))
    await generatorFor(adapter).generate(ids, { ...options, ended })
    return answers.map(({ text, decoder, cutter }) => text + cutter.push(decoder.end()) + cutter.end())
  }

  async function scoreAll(
    requests: readonly TextScoreRequest[],
    { adapter, ...options }: TextScoreOptions = {},
  ): Promise<Score[][]> {
    const { rows, places } = partedRequests(requests, await tokenizerOf())
    const scores = await scorerOver(model, programsFor(adapter).score, adapter, state).score(rows, options)
    return places.map((ofRequest) => ofRequest.map(([row, which]) => scores[row]![which]!))
  }

  const dispose = async (): Promise<void> => {
    state.prefixes.clear()
    const all = [...pool.values()]
    pool.clear()
    for (const { step, score } of all) {
      await step.dispose()
      await score.dispose()
    }
  }

  return {
    stream,
    generate: async (prompt, options) => (await generateAll([prompt], options))[0]!,
    generateAll,
    score: async (prompt, continuations, options) =>
      (await scoreAll([{ prompt, continuations }], options))[0]!.map(({ logProb }) => logProb),
    scoreAll,
    work,
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}

const idsOf = (prompt: TextPrompt, tokenizer: Tokenizer): readonly number[] =>
  typeof prompt === 'string' ? tokenizer.encode(prompt) : prompt
