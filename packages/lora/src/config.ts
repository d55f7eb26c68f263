import { LoraError } from './errors'

/** Which layers get an adapter; PEFT's rules. */
export interface LoraTargets {
  /**
   * `all-linear` (every linear layer but the output head), a regular expression that must match a whole path (string
   * starting and ending with a slash, as in `/.*q_proj/`), or names: a layer matches when its path is the name or ends with `.` and the name.
   */
  readonly targetModules: string | readonly string[]
  /** Layers left out, by the same rules. */
  readonly excludeModules?: string | readonly string[]
  /** Only these layer numbers. */
  readonly layersToTransform?: number | readonly number[]
  /** Name before the layer number in a path, such as `layers`; any name by default. */
  readonly layersPattern?: string | readonly string[]
}

/**
 * How factors begin. `default`: A uniform in ±1/√in, B zero. `gaussian`: A normal with deviation 1/rank, B zero. `pissa`: the
 * weight's largest singular values and their vectors, which come out of the weight in turn (Meng et al. 2024); `pissa_niter_N`:
 * the same, found by N subspace iterations from random vectors. Tables always begin with A zero and B normal.
 */
export type LoraInit = 'default' | 'gaussian' | 'pissa' | `pissa_niter_${number}`

/** Options of a LoRA adapter (Hu et al. 2021), with PEFT's meaning and defaults. */
export interface LoraOptions extends LoraTargets {
  /** Inner width r of the update; at least 1. */
  readonly rank?: number
  /** The update is scaled by alpha / rank, or alpha / √rank with `rankStabilized`. */
  readonly alpha?: number
  /** Probability of dropping an element of the adapter's input while training. */
  readonly dropout?: number
  /** Scale by alpha / √rank (Kalajdzievski 2023). */
  readonly rankStabilized?: boolean
  /** Ranks of single layers: the key is a regular expression for the end of a path, the first that matches counts. */
  readonly rankPattern?: Readonly<Record<string, number>>
  /** Alphas of single layers, by the same rule. */
  readonly alphaPattern?: Readonly<Record<string, number>>
  /** How the factors begin. The adapter changes nothing before training, however they do. */
  readonly init?: LoraInit
  /** Learn the length of each output's row apart from its direction (DoRA, Liu et al. 2024); not for embeddings. */
  readonly dora?: boolean
  /** `lora_only`: the biases of adapted layers are trained too. A switched-off adapter then still is the base model. */
  readonly bias?: 'none' | 'lora_only'
  /** Modules trained as full copies, by the last parts of their paths, such as `lm_head`. */
  readonly modulesToSave?: readonly string[]
}

/** Options with every default filled in. */
export type LoraConfig = Required<Omit<LoraOptions, 'excludeModules' | 'layersToTransform' | 'layersPattern'>> &
  Pick<LoraOptions, 'excludeModules' | 'layersToTransform' | 'layersPattern'>

/** The options with defaults, checked. @throws LoraError `options` naming the option and its range */
export const resolveOptions = ({
  rank = 8,
  alpha = 8,
  dropout = 0,
  rankStabilized = false,
  rankPattern = {},
  alphaPattern = {},
  init = 'default',
  dora = false,
  bias = 'none',
  modulesToSave = [],
  ...targets
}: LoraOptions): LoraConfig => {
  for (const [name, value] of [['rank', rank] as const, ...Object.entries(rankPattern)])
    if (!Number.isInteger(value) || value < 1)
      throw new LoraError('options', `lora: ${name} must be an integer of at least 1, got ${value}. Use for example 8.`)
  if (!(dropout >= 0 && dropout < 1))
    throw new LoraError('options', `lora: dropout must lie in [0, 1), got ${dropout}. Use 0 for none.`)
  if (!Number.isFinite(alpha))
    throw new LoraError('options', `lora: alpha must be a finite number, got ${alpha}. Use for example 16.`)
  if (bias !== 'none' && bias !== 'lora_only')
    throw new LoraError('options', `lora: bias must be 'none' or 'lora_only', got '${bias}'. Use 'none'.`)
  requireInit(init, [alpha, ...Object.values(alphaPattern)])
  const variants = { dora, bias, modulesToSave }
  return { rank, alpha, dropout, rankStabilized, rankPattern, alphaPattern, init, ...variants, ...targets }
}

/** Subspace iterations of a PiSSA start, or `exact`; undefined for other starts. */
export const pissaIterations = (init: LoraInit): number | 'exact' | undefined => {
  if (init === 'pissa') return 'exact'
  const digits = /^pissa_niter_(\d+)$/.exec(init)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

const requireInit = (init: LoraInit, alphas: readonly number[]): void => {
  const pissa = pissaIterations(init) !== undefined
  if (!pissa && init !== 'default' && init !== 'gaussian')
    throw new LoraError(
      'options',
      `lora: init must be 'default', 'gaussian', 'pissa' or 'pissa_niter_N' with N iterations, got '${init}'. Use 'default'.`,
    )
  const bad = alphas.find((alpha) => !(alpha > 0))
  if (pissa && bad !== undefined)
    throw new LoraError(
      'options',
      `lora: alpha must be above 0 with init '${init}', which divides by it, got ${bad}. Use for example the rank.`,
    )
}

/** Rank, alpha and scaling of the adapter at `path`. */
export const scalingOf = (
  { rank, alpha, rankStabilized, rankPattern, alphaPattern }: LoraConfig,
  path: string,
): { readonly rank: number; readonly alpha: number; readonly scaling: number } => {
  const r = valueByPattern(rankPattern, path) ?? rank
  const a = valueByPattern(alphaPattern, path) ?? alpha
  return { rank: r, alpha: a, scaling: rankStabilized ? a / Math.sqrt(r) : a / r }
}

/** The first entry whose pattern, after nothing or a prefix that ends in a dot, matches the rest of the path. */
const valueByPattern = (patterns: Readonly<Record<string, number>>, path: string): number | undefined =>
  Object.entries(patterns).find(([pattern]) => new RegExp(`^(?:.*\\.)?(?:${pattern})$`).test(path))?.[1]
