import { join } from 'node:path'
import type { ModelConfig } from '../config/types'
import { isJsonObject, type JsonObject, readJsonObjectIfThere } from '../json-file'

/** How a checkpoint's authors want it sampled; undefined is left to the caller. */
export interface GenerationConfig {
  readonly bosId: number | undefined
  /** Ids that end a generation. */
  readonly eosIds: readonly number[]
  readonly padId: number | undefined
  readonly sample: boolean
  readonly temperature: number | undefined
  readonly topK: number | undefined
  readonly topP: number | undefined
  readonly repetitionPenalty: number | undefined
  readonly maxNewTokens: number | undefined
  /** The file as parsed; empty when there is none. */
  readonly raw: JsonObject
}

/** `generation_config.json` of a folder; ids that it does not name are those of the model's config. */
export const readGenerationConfig = async (folder: string, config: ModelConfig): Promise<GenerationConfig> =>
  generationConfig((await readJsonObjectIfThere(join(folder, 'generation_config.json'))) ?? {}, config)

/** Generation settings from the parsed file. */
export const generationConfig = (
  raw: JsonObject,
  config: Pick<ModelConfig, 'bosId' | 'eosIds' | 'padId'>,
): GenerationConfig => {
  const eosIds = idsOf(raw.eos_token_id)
  return {
    bosId: idsOf(raw.bos_token_id)[0] ?? config.bosId,
    eosIds: eosIds.length > 0 ? eosIds : config.eosIds,
    padId: idsOf(raw.pad_token_id)[0] ?? config.padId,
    sample: raw.do_sample === true,
    temperature: numberOf(raw.temperature),
    topK: numberOf(raw.top_k),
    topP: numberOf(raw.top_p),
    repetitionPenalty: numberOf(raw.repetition_penalty),
    maxNewTokens: numberOf(raw.max_new_tokens),
    raw: isJsonObject(raw) ? raw : {},
  }
}

const idsOf = (value: unknown): number[] =>
  (Array.isArray(value) ? value : [value]).filter((id): id is number => Number.isSafeInteger(id))

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
