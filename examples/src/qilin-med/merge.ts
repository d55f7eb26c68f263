import { type LoraAdapter, mergeParameter } from '@qilin-med/lora'
import { type LoadedModel, writeCheckpoint } from '@qilin-med/models'

/** Writes the model with the adapter merged into its weights, as a Hugging Face folder. */
export const writeMerged = async (folder: string, model: LoadedModel, adapter: LoraAdapter): Promise<void> => {
  const { checkpoint, config, parameters } = model
  await writeCheckpoint(folder, {
    config,
    tensors: parameters.map(({ name, shape }) => ({
      name,
      dtype: 'float32' as const,
      shape,
      data: async () => mergeParameter(adapter, name, await checkpoint.read(name)),
    })),
    tokenizerFolder: checkpoint.folder,
  })
}
