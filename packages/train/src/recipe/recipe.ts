import type { LoraOptions } from '@qilin-med/lora'
import type { CollateOptions } from '../data/collate'
import type { BatchOptions } from '../data/plan'

/** Names of the stages, in their order. */
export const stageNames = ['cpt', 'sft', 'dpo'] as const
/** Continued pre-training, supervised fine-tuning, direct preference optimisation. */
export type StageName = (typeof stageNames)[number]

/** What every stage is told. Plain data: a recipe can be stored as JSON, compared, and changed by spreading. */
export interface StageSettings {
  /** Peak of the schedule. */
  readonly learningRate: number
  /** `warmup-decay` is DeepSpeed's WarmupDecayLR with its logarithmic warm-up. */
  readonly schedule: 'linear' | 'cosine' | 'warmup-decay'
  /** Steps, or below 1 a share of all steps. */
  readonly warmup: number
  readonly weightDecay: number
  /** Largest global norm of a gradient. */
  readonly clip: number
  /** `rows` × `accumulate` is the batch of all devices together; how it is cut does not change the numbers. */
  readonly batch: BatchOptions & CollateOptions
  readonly epochs?: number
  readonly steps?: number
  /** Absent: all parameters are trained. */
  readonly adapter?: LoraOptions
}

/** Continued pre-training on blocks of text. */
export interface CptStage extends StageSettings {
  readonly blockSize: number
  readonly packing: 'qilin' | 'wrapped' | 'bfd' | 'bfd_split'
  readonly separator: 'eos' | 'newline' | 'none'
}

/** Fine-tuning on conversations, labels on answers. */
export interface SftStage extends StageSettings {
  /** `qilin`: the markers of the official scripts (Baichuan's); `chat`: the tokenizer's chat template. */
  readonly prompts: 'qilin' | 'chat'
  /** Tokens kept of a prompt and of an answer; a conversation is held to their sum. */
  readonly maxSource: number
  readonly maxTarget: number
}

/** Preference optimisation on pairs; the reference is the merged model of the stage before. */
export interface DpoStage extends StageSettings {
  /** `qilin`: the markers of SFT; `qilin-question`: `Question: … Answer: ` as the official script; `chat`: the chat template. */
  readonly prompts: 'qilin' | 'qilin-question' | 'chat'
  /** Tokens of prompt and answer. */
  readonly maxLength: number
  readonly beta: number
}

/** The stages of a run, as data. A stage that is absent is left out. */
export interface Recipe {
  readonly name: string
  readonly seed: number
  readonly cpt?: CptStage
  readonly sft?: SftStage
  readonly dpo?: DpoStage
}

const loraOf = (alpha: number): LoraOptions => ({ rank: 8, alpha, dropout: 0.05, targetModules: 'all-linear' })

/**
 * The pipeline as the paper states it: CPT on 8 GPUs with 1 block each for 3 epochs, SFT on 8 with 64, DPO on 4 with 8.
 * What the paper leaves open has a default here: full-parameter CPT, one epoch of SFT and of DPO, linear decay, clipping
 * at 1, β 0.1, seed 42, one template in SFT and DPO.
 *
 * @see Ye et al. 2023, §4.1.3 and §4.2 (https://arxiv.org/abs/2310.09089)
 */
export const qilinPaper: Recipe = {
  name: 'qilin-paper',
  seed: 42,
  cpt: {
    learningRate: 2e-4,
    schedule: 'linear',
    warmup: 0.05,
    weightDecay: 0.01,
    clip: 1,
    batch: { rows: 1, accumulate: 8 },
    epochs: 3,
    blockSize: 1024,
    packing: 'qilin',
    separator: 'newline',
  },
  sft: {
    learningRate: 2e-5,
    schedule: 'linear',
    warmup: 0.05,
    weightDecay: 0.05,
    clip: 1,
    batch: { rows: 64, accumulate: 8 },
    epochs: 1,
    adapter: loraOf(32),
    prompts: 'qilin',
    maxSource: 256,
    maxTarget: 256,
  },
  dpo: {
    learningRate: 2e-5,
    schedule: 'linear',
    warmup: 0.05,
    weightDecay: 0.05,
    clip: 1,
    batch: { rows: 8, accumulate: 4 },
    epochs: 1,
    adapter: loraOf(16),
    prompts: 'qilin',
    maxLength: 512,
    beta: 0.1,
  },
}

/**
 * The pipeline as the official scripts run it: 8 processes with 32 rows, DeepSpeed's schedule in CPT and SFT; DPO with
 * 1024 pairs a step, the script's own rate and lengths, a cosine, 100 steps of warm-up, and no weight decay, because the
 * script never forwards it.
 *
 * @see https://github.com/williamliujl/Qilin-Med (revision 9b96dc6), `run_pt.sh`, `run_sft.sh`, `run_dpo.sh`
 */
export const qilinScripts: Recipe = {
  name: 'qilin-scripts',
  seed: 42,
  cpt: { ...qilinPaper.cpt!, schedule: 'warmup-decay', batch: { rows: 32, accumulate: 8 }, epochs: 5 },
  sft: { ...qilinPaper.sft!, schedule: 'warmup-decay', batch: { rows: 32, accumulate: 8 } },
  dpo: {
    learningRate: 5e-4,
    schedule: 'cosine',
    warmup: 100,
    weightDecay: 0,
    clip: 1,
    batch: { rows: 32, accumulate: 32 },
    steps: 100_000,
    adapter: loraOf(16),
    prompts: 'qilin-question',
    maxLength: 1024 + 128,
    beta: 0.1,
  },
}
