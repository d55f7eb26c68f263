import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type LoraAdapter, mergeWeight } from '@qilin-med/lora'
import { type LoadedModel, writeCheckpoint } from '@qilin-med/models'

const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'tokenizer.model']

/** Writes the model with the adapter merged into its weights, as a Hugging Face folder. */
export const writeMerged = async (folder: string, model: LoadedModel, adapter: LoraAdapter): Promise<void> => {
  const { checkpoint } = model
  const adapted = new Set(adapter.modules.map(({ path }) => `${path}.weight`))
  await writeCheckpoint(folder, {
    config: { ...model.config.raw, torch_dtype: 'float32' },
    tensors: model.parameters.map(({ name, shape }) => ({
      name,
      dtype: 'float32' as const,
      shape,
      data: async () => {
        const weight = await checkpoint.read(name)
        return adapted.has(name) ? mergeWeight(adapter, name.replace(/\.weight$/, ''), weight) : weight
      },
    })),
    files: tokenizerFiles.map((name) => join(checkpoint.folder, name)).filter((path) => existsSync(path)),
  })
}
