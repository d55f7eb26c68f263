import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Module } from '@qilin-med/models'
import { readFloat32, readSafetensors, writeSafetensors } from '@qilin-med/tensor/safetensors'
import { adapterFrom, type LoraAdapter } from './adapter'
import { LoraError } from './errors'
import { adapterLayout } from './layout'
import { peftConfig, readPeftConfig } from './peft-config'
import { plainAdapter } from './plain'
import { selectModules } from './targets'

const prefix = 'base_model.model.'

/** What goes into `adapter_config.json` besides the adapter's own options. */
export interface SaveAdapterOptions {
  /** Name or folder of the base model. */
  readonly baseModel?: string
}

/**
 * Writes `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them. Each file appears whole or not at
 * all. An adapter that started from weights is written as plain LoRA of twice the rank, which computes the same over the
 * base model as it is.
 */
export const saveAdapter = async (
  folder: string,
  adapter: LoraAdapter,
  { baseModel }: SaveAdapterOptions = {},
): Promise<void> => {
  const { layout, values, ...plain } = plainAdapter(adapter)
  await mkdir(folder, { recursive: true })
  await writeSafetensors(
    join(folder, 'adapter_model.safetensors'),
    layout.entries.map(({ name, shape, offset, size }) => ({
      name: `${prefix}${name}`,
      dtype: 'float32' as const,
      shape,
      data: values.subarray(offset, offset + size),
    })),
    { metadata: { format: 'pt' } },
  )
  const path = join(folder, 'adapter_config.json')
  await writeFile(`${path}.tmp`, `${JSON.stringify(peftConfig(plain, baseModel), undefined, 2)}\n`)
  await rename(`${path}.tmp`, path)
}

/**
 * Reads an adapter that PEFT or `saveAdapter` wrote.
 *
 * @param modules modules of the base model it belongs to
 * @throws LoraError naming the file and what in it does not fit: a variant that is not supported, a tensor that is
 * missing, has another shape, belongs to nothing, or is not finite
 */
export const loadAdapter = async (folder: string, modules: readonly Module[]): Promise<LoraAdapter> => {
  const config = await readPeftConfig(join(folder, 'adapter_config.json'))
  const path = join(folder, 'adapter_model.safetensors')
  const file = await readSafetensors(path)
  const selected = selectModules(modules, config)
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
    values.set(await finite(readFloat32(file, `${prefix}${name}`), path, name), offset)
  }
  const known = new Set(layout.entries.map(({ name }) => `${prefix}${name}`))
  for (const name of file.tensors.keys()) if (!known.has(name) && !isBaseTable(name)) throw leftOver(path, name)
  return adapterFrom(config, selected, values)
}

/** PEFT also writes the unchanged table under an embedding's adapter. */
const isBaseTable = (name: string): boolean => name.endsWith('.base_layer.weight')

const leftOver = (path: string, name: string): LoraError =>
  new LoraError(
    'mismatch',
    `loadAdapter: ${path} must hold weights of the model's layers only, got ${name}. Load it onto the model it was trained on.`,
    { path, module: name },
  )

const finite = async (reading: Promise<Float32Array>, path: string, name: string): Promise<Float32Array> => {
  const values = await reading
  if (values.every(Number.isFinite)) return values
  throw new LoraError(
    'non-finite',
    `loadAdapter: ${path} must hold finite numbers, got NaN or Infinity in ${prefix}${name}. The run that wrote it diverged.`,
    { path, module: name },
  )
}
