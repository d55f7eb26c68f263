import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { DataSource } from '../data/dataset'
import type { TrainingRow } from '../data/rows'
import { TrainError } from '../errors'
import type { CptStage, DpoStage, Recipe, SftStage, StageName } from './recipe'

/** Rows of every stage, where they are at hand already. */
export type RecipeRows = { readonly [S in StageName]?: DataSource }

/** Rows of a stage, and why records of its file gave none. */
export interface StageRows {
  readonly rows: DataSource
  /** Records left out, by reason. */
  readonly dropped: Readonly<Record<string, number>>
}

/** The tokenizer of a checkpoint, as `loadTokenizer` of `@qilin-med/models` returns it. */
export type RecipeTokenizer = Awaited<ReturnType<typeof import('@qilin-med/models').loadTokenizer>>

/** Files that a stage reads, in the paper's own formats; the first that is there is taken. */
const fileNames: Readonly<Record<StageName, readonly string[]>> = {
  cpt: ['cpt.txt', 'cpt.jsonl'],
  sft: ['sft.jsonl', 'sft.json'],
  dpo: ['dpo.json', 'dpo.jsonl'],
}

/**
 * The rows of a stage from its file in `folder`, tokenised as the recipe says. Needs `@qilin-med/chimed`. Where the folder has a split
 * manifest (`splits.json`), a record of a test split is refused.
 *
 * @throws TrainError `option` when there is no such file, `split` for a record of a test split
 */
export const readStageRows = async (
  stage: StageName,
  recipe: Recipe,
  { folder, tokenizer }: { readonly folder: string; readonly tokenizer: RecipeTokenizer },
): Promise<StageRows> => {
  const chimed = await import('@qilin-med/chimed')
  const path = await stageFile(folder, stage)
  const log = chimed.faultLog()
  const manifest = (await isThere(join(folder, 'splits.json')))
    ? chimed.readSplitManifest(join(folder, 'splits.json'))
    : undefined
  const shared = { tokenizer, onFault: log.add, manifest }
  const makers: Record<StageName, () => AsyncIterable<TrainingRow>> = {
    cpt: () => chimed.cptRows(chimed.readCpt(path, { onFault: log.add }), { ...cptOptions(recipe.cpt!), ...shared }),
    sft: () => {
      const { maxLength, qilin } = sftOptions(recipe.sft!)
      const format = qilin && chimed.qilinFormat({ ...qilin, tokenizer })
      return chimed.sftRows(chimed.readSft(path, { onFault: log.add }), { ...shared, maxLength, format })
    },
    dpo: () => chimed.dpoRows(chimed.readDpo(path, { onFault: log.add }), { ...dpoOptions(recipe.dpo!), ...shared }),
  }
  const rows: TrainingRow[] = []
  try {
    for await (const row of makers[stage]()) rows.push(row)
  } catch (error) {
    if (!chimed.isChimedError(error) || error.code !== 'split') throw error
    throw new TrainError('split', `runRecipe: ${error.message}`, { option: 'data', path, cause: error })
  }
  return { rows, dropped: log.counts() }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const stageFile = async (folder: string, stage: StageName): Promise<string> => {
  for (const name of fileNames[stage]) {
    const path = join(folder, name)
    if (await isThere(path)) return path
  }
  throw new TrainError(
    'option',
    `runRecipe: ${folder}: expected ${fileNames[stage].join(' or ')} for stage ${stage}, got neither. Build the data, or leave the stage out.`,
    { option: 'data', path: folder },
  )
}

const cptOptions = ({ blockSize, packing, separator }: CptStage) => ({ blockSize, packing, separator })

const sftOptions = ({ prompts, maxSource, maxTarget }: SftStage) => ({
  maxLength: maxSource + maxTarget,
  qilin: prompts === 'qilin' ? { maxSource, maxTarget } : undefined,
})

const dpoOptions = ({ prompts, maxLength }: DpoStage) => {
  if (prompts === 'chat') return { maxLength }
  const question = (text: string) =>
    prompts === 'qilin' ? ` <reserved_102> ${text} <reserved_103> ` : `Question: ${text}\n\nAnswer: `
  return { maxLength, prompt: (pair: { readonly prompt: string }) => question(pair.prompt) }
}
