import { readFile } from 'node:fs/promises'
import type { LoraAdapter } from './adapter'
import { type LoraConfig, resolveOptions } from './config'
import { LoraError } from './errors'

/** The fields of PEFT's `adapter_config.json`, keys sorted as PEFT writes them. */
export const peftConfig = (
  { config, modules }: Pick<LoraAdapter, 'config' | 'modules'>,
  baseModel: string | undefined,
): Record<string, unknown> => {
  const fields: Record<string, unknown> = {
    alpha_pattern: config.alphaPattern,
    auto_mapping: null,
    base_model_name_or_path: baseModel ?? null,
    bias: config.bias,
    exclude_modules: peftMatcher(config.excludeModules),
    fan_in_fan_out: modules.some(({ kind }) => kind === 'conv1d'),
    inference_mode: true,
    init_lora_weights: config.init === 'gaussian' ? 'gaussian' : true,
    layers_pattern: config.layersPattern ?? null,
    layers_to_transform: config.layersToTransform ?? null,
    lora_alpha: config.alpha,
    lora_bias: false,
    lora_dropout: config.dropout,
    modules_to_save: config.modulesToSave.length > 0 ? config.modulesToSave : null,
    peft_type: 'LORA',
    r: config.rank,
    rank_pattern: config.rankPattern,
    revision: null,
    target_modules: peftMatcher(config.targetModules),
    task_type: 'CAUSAL_LM',
    use_dora: config.dora,
    use_rslora: config.rankStabilized,
  }
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** PEFT's strings are regular expressions, without slashes. */
const peftMatcher = (matcher: string | readonly string[] | undefined): string | readonly string[] | null =>
  matcher === undefined
    ? null
    : typeof matcher === 'string' && matcher.startsWith('/') && matcher.endsWith('/')
      ? matcher.slice(1, -1)
      : typeof matcher === 'string' && matcher.toLowerCase() !== 'all-linear'
        ? [matcher]
        : matcher

/** PEFT's string is a regular expression unless it is `all-linear`; its list is names. */
const ourMatcher = (value: unknown): string | string[] | undefined => {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'string') return value.toLowerCase() === 'all-linear' ? value : `/${value}/`
  return value as string[]
}

/** The config in an `adapter_config.json`. @throws LoraError `file` naming the field that is not supported, or `options` */
export const readPeftConfig = async (path: string): Promise<LoraConfig> => {
  const json = await readJson(path)
  for (const [key, supported] of Object.entries(unsupported))
    if (json[key] !== undefined && json[key] !== null && !supported.includes(json[key] as string | boolean))
      throw new LoraError(
        'file',
        `loadAdapter: ${path} must have ${key} = ${supported.join(' or ')}, got ${JSON.stringify(json[key])}. This variant is not supported: merge the adapter with the library that made it.`,
        { path },
      )
  requireBaseAsItIs(path, json.init_lora_weights)
  const exclude = ourMatcher(json.exclude_modules)
  return resolveOptions({
    rank: (json.r as number) ?? 8,
    alpha: (json.lora_alpha as number) ?? 8,
    dropout: (json.lora_dropout as number) ?? 0,
    rankStabilized: (json.use_rslora as boolean) ?? false,
    rankPattern: (json.rank_pattern as Record<string, number>) ?? {},
    alphaPattern: (json.alpha_pattern as Record<string, number>) ?? {},
    init: json.init_lora_weights === 'gaussian' ? 'gaussian' : 'default',
    dora: (json.use_dora as boolean) ?? false,
    bias: (json.bias as 'none') ?? 'none',
    modulesToSave: (json.modules_to_save as string[]) ?? [],
    targetModules: ourMatcher(json.target_modules) ?? 'all-linear',
    ...(exclude && { excludeModules: exclude }),
    ...(json.layers_to_transform != null && { layersToTransform: json.layers_to_transform as number[] }),
    ...(json.layers_pattern != null && { layersPattern: json.layers_pattern as string[] }),
  })
}

/** Fields that change what an adapter computes, and the values of them that this package computes. */
const unsupported: Readonly<Record<string, readonly (string | boolean)[]>> = {
  peft_type: ['LORA'],
  bias: ['none', 'lora_only'],
  lora_bias: [false],
  use_qalora: [false],
  target_parameters: [],
  trainable_token_indices: [],
  layer_replication: [],
  alora_invocation_tokens: [],
}

/** Starts of PEFT that take a part out of the base weights; all but the last can be saved as plain LoRA there. */
const changesBase = /^(pissa|olora|corda|lora_ga|loftq)/i

const requireBaseAsItIs = (path: string, init: unknown): void => {
  const name = typeof init === 'string' ? changesBase.exec(init)?.[1] : undefined
  if (!name) return
  const remedy =
    name.toLowerCase() === 'loftq'
      ? 'Merge it with PEFT and load the merged model.'
      : 'Save it in PEFT with save_pretrained(folder, path_initial_model_for_weight_conversion=...), which writes plain LoRA.'
  throw new LoraError(
    'file',
    `loadAdapter: ${path} must have an init_lora_weights that leaves the base weights as they are, got ${JSON.stringify(init)}, whose factors belong to changed ones. ${remedy}`,
    { path },
  )
}

const readJson = async (path: string): Promise<Record<string, unknown>> => {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new LoraError('file', `loadAdapter: expected an adapter folder with ${path}, got none. Check the folder.`, {
      path,
      cause,
    })
  })
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (cause) {
    throw new LoraError('file', `loadAdapter: ${path} must be JSON, got something else. Save the adapter again.`, {
      path,
      cause,
    })
  }
}
