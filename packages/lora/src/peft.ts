import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Module } from '@qilin-med/models'
import { readFloat32, readSafetensors, writeSafetensors } from '@qilin-med/tensor/safetensors'
import { adapterFrom, adapterLayout, type LoraAdapter } from './adapter'
import { type LoraConfig, resolveOptions } from './config'
import { LoraError } from './errors'
import { selectModules } from './targets'

const prefix = 'base_model.model.'

/** What goes into `adapter_config.json` besides the adapter's own options. */
export interface SaveAdapterOptions {
  /** Name or folder of the base model. */
  readonly baseModel?: string
}

/**
 * Writes `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them. Each file appears whole or not at
 * all.
 */
export const saveAdapter = async (
  folder: string,
  adapter: LoraAdapter,
  { baseModel }: SaveAdapterOptions = {},
): Promise<void> => {
  await mkdir(folder, { recursive: true })
  await writeSafetensors(
    join(folder, 'adapter_model.safetensors'),
    adapter.layout.entries.map(({ name, shape, offset, size }) => ({
      name: `${prefix}${name}`,
      dtype: 'float32' as const,
      shape,
      data: adapter.values.subarray(offset, offset + size),
    })),
    { metadata: { format: 'pt' } },
  )
  const path = join(folder, 'adapter_config.json')
  await writeFile(`${path}.tmp`, `${JSON.stringify(peftConfig(adapter.config, baseModel), undefined, 2)}\n`)
  await rename(`${path}.tmp`, path)
}

const regexText = (matcher: string | readonly string[] | undefined): string | readonly string[] | null =>
  matcher === undefined
    ? null
    : typeof matcher === 'string' && matcher.startsWith('/') && matcher.endsWith('/')
      ? matcher.slice(1, -1)
      : matcher

/** PEFT's fields, keys sorted as PEFT writes them. */
const peftConfig = (config: LoraConfig, baseModel: string | undefined): Record<string, unknown> => {
  const fields: Record<string, unknown> = {
    alpha_pattern: config.alphaPattern,
    auto_mapping: null,
    base_model_name_or_path: baseModel ?? null,
    bias: 'none',
    exclude_modules: regexText(config.excludeModules),
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: config.init === 'gaussian' ? 'gaussian' : true,
    layers_pattern: config.layersPattern ?? null,
    layers_to_transform: config.layersToTransform ?? null,
    lora_alpha: config.alpha,
    lora_bias: false,
    lora_dropout: config.dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: config.rank,
    rank_pattern: config.rankPattern,
    revision: null,
    target_modules: regexText(config.targetModules),
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: config.rankStabilized,
  }
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * Reads an adapter that PEFT or `saveAdapter` wrote.
 *
 * @param modules modules of the base model it belongs to
 * @throws LoraError naming the file and what in it does not fit
 */
export const loadAdapter = async (folder: string, modules: readonly Module[]): Promise<LoraAdapter> => {
  const config = await readConfig(join(folder, 'adapter_config.json'))
  const path = join(folder, 'adapter_model.safetensors')
  const file = await readSafetensors(path)
  const selected = selectModules(modules, config).filter(({ path: name }) =>
    file.tensors.has(`${prefix}${name}.lora_A.weight`),
  )
  const layout = adapterLayout(config, selected)
  const values = new Float32Array(layout.size)
  for (const { name, shape, offset } of layout.entries) {
    const entry = file.tensors.get(`${prefix}${name}`)
    if (!entry || `${entry.shape}` !== `${shape}`)
      throw new LoraError(
        'mismatch',
        `loadAdapter: ${path} must hold ${prefix}${name} with shape [${shape}], got ${entry ? `[${entry.shape}]` : 'nothing'}. Load it onto the model it was trained on.`,
        { path, module: name },
      )
    values.set(await readFloat32(file, `${prefix}${name}`), offset)
  }
  return adapterFrom(config, selected, values)
}

const readConfig = async (path: string): Promise<LoraConfig> => {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new LoraError('file', `loadAdapter: expected an adapter folder with ${path}, got none. Check the folder.`, {
      path,
      cause,
    })
  })
  let json: Record<string, unknown>
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new LoraError('file', `loadAdapter: ${path} must be JSON, got something else. Save the adapter again.`, {
      path,
      cause,
    })
  }
  for (const [key, supported] of Object.entries({ use_dora: false, lora_bias: false, bias: 'none' }))
    if (json[key] !== undefined && json[key] !== supported)
      throw new LoraError(
        'file',
        `loadAdapter: ${path} must have ${key} = ${supported}, got ${json[key]}. This variant is not supported yet.`,
        { path },
      )
  return resolveOptions({
    rank: (json.r as number) ?? 8,
    alpha: (json.lora_alpha as number) ?? 8,
    dropout: (json.lora_dropout as number) ?? 0,
    rankStabilized: (json.use_rslora as boolean) ?? false,
    rankPattern: (json.rank_pattern as Record<string, number>) ?? {},
    alphaPattern: (json.alpha_pattern as Record<string, number>) ?? {},
    init: json.init_lora_weights === 'gaussian' ? 'gaussian' : 'default',
    targetModules: matcher(json.target_modules) ?? 'all-linear',
    ...(matcher(json.exclude_modules) && { excludeModules: matcher(json.exclude_modules)! }),
    ...(json.layers_to_transform != null && { layersToTransform: json.layers_to_transform as number[] }),
    ...(json.layers_pattern != null && { layersPattern: json.layers_pattern as string[] }),
  })
}

/** PEFT's string is a regular expression unless it is `all-linear`; its list is names. */
const matcher = (value: unknown): string | string[] | undefined => {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'string') return value.toLowerCase() === 'all-linear' ? value : `/${value}/`
  return value as string[]
}
