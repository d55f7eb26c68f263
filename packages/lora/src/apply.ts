import { type Module, type Network, network } from '@qilin-med/models'
import { add, concat, dropout, gather, matmul, mul, split, sub, type Tensor, transpose } from '@qilin-med/tensor'
import { type LoraConfig, scalingOf } from './config'
import { doraChange, magnitudeScale } from './dora'
import { biasName, factorNames } from './layout'
import { isSaved } from './targets'

/** How an adapter is applied. */
export interface ApplyOptions {
  /** Key of this step's dropout masks, int64 [2]; without it nothing is dropped, as in evaluation and DPO. */
  readonly dropoutKey?: (path: string) => Tensor
}

type Parameters = Readonly<Record<string, Tensor>>

/** True when inputs of adapted layers lose elements. */
export const drops = ({ dropout }: LoraConfig, { dropoutKey }: ApplyOptions): boolean =>
  dropoutKey !== undefined && dropout > 0

/** `base` with the adapter's changes; a layer that no adapter touches stays what it was. */
export const adapted = (
  config: LoraConfig,
  modules: readonly Module[],
  base: Network,
  parameters: Parameters,
  options: ApplyOptions = {},
): Network => {
  const saved = modules.filter(({ path }) => isSaved(config, path))
  const copies = network(saved, (name) => parameters[name]!)
  const copied = new Set(saved.map(({ path }) => path))
  // The output head of a tied model keeps the original table, as in PEFT: only look-ups use the copy.
  const replaced = new Set(saved.flatMap(({ path, kind }) => (kind === 'embedding' ? [] : [`${path}.weight`])))
  const byPath = new Map(modules.map((module) => [module.path, module]))
  const dropping = drops(config, options)
  const linear = (path: string, x: Tensor, reduced?: Tensor): Tensor => {
    const module = byPath.get(path)
    if (!module) return base.linear(path, x)
    if (copied.has(path)) return copies.linear(path, x)
    const input = dropping ? dropout(x, config.dropout, options.dropoutKey!(path)) : x
    return adaptedLinear(config, module, base, parameters, { x, input, reduced })
  }
  const lowRank = (path: string): Module | undefined => (copied.has(path) ? undefined : byPath.get(path))
  return {
    linear: (path, x) => linear(path, x),
    linears: (paths, x) => {
      // Layers that drop elements see inputs of their own.
      const reduced = dropping ? [] : reducedTogether(paths.map(lowRank), parameters, x)
      return paths.map((path, i) => linear(path, x, reduced[i]))
    },
    embedding: (path, ids) => {
      const module = byPath.get(path)
      if (!module) return base.embedding(path, ids)
      if (copied.has(path)) return copies.embedding(path, ids)
      return add(base.embedding(path, ids), lookUpChange(config, module, parameters, ids))
    },
    parameter: (name) => (replaced.has(name) ? parameters[name]! : base.parameter(name)),
  }
}

/** A · x of every adapted layer, from one product with all factors A below each other: skinny products are slow. */
const reducedTogether = (
  modules: readonly (Module | undefined)[],
  parameters: Parameters,
  x: Tensor,
): (Tensor | undefined)[] => {
  const factors = modules.map((module) => module && parameters[factorNames(module)[0]]!)
  const present = factors.filter((factor) => factor !== undefined)
  if (present.length < 2) return []
  const product = matmul(x, concat(present, 0), { transposeB: true })
  const parts = split(
    product,
    -1,
    present.map(({ shape }) => shape[0]!),
  )
  return factors.map((factor) => (factor ? parts[present.indexOf(factor)] : undefined))
}

/** What an adapted layer reads. */
interface LayerInput {
  readonly x: Tensor
  /** x, with elements dropped while training. */
  readonly input: Tensor
  /** A · input where it is known already. */
  readonly reduced: Tensor | undefined
}

const adaptedLinear = (
  config: LoraConfig,
  module: Module,
  base: Network,
  parameters: Parameters,
  { x, input, reduced }: LayerInput,
): Tensor => {
  const { path } = module
  const { scaling } = scalingOf(config, path)
  const y = base.linear(path, x)
  const [a, b] = factorNames(module).map((name) => parameters[name]!)
  const inner = reduced ?? matmul(input, a!, { transposeB: true })
  const update = matmul(inner, b!, { transposeB: true, alpha: scaling }) // Hu et al. eq. 3
  const bias = module.bias ? base.parameter(`${path}.bias`) : undefined
  const withoutBias = (output: Tensor): Tensor => (bias ? sub(output, bias) : output)
  const plain = () => withoutBias(input === x ? y : base.linear(path, input))
  const change = config.dora ? doraChange(magnitudeScale(base, module, parameters, scaling), plain(), update) : update
  const trained = parameters[biasName(path)]
  return add(y, trained && bias ? add(change, sub(trained, bias)) : change)
}

/** scaling · Aᵀ[ids] · Bᵀ. */
const lookUpChange = (config: LoraConfig, module: Module, parameters: Parameters, ids: Tensor): Tensor => {
  const [a, b] = factorNames(module).map((name) => parameters[name]!)
  const rows = gather(transpose(a!, [1, 0]), ids)
  return mul(matmul(rows, b!, { transposeB: true }), scalingOf(config, module.path).scaling)
}
