import type { Module, Network } from '@qilin-med/models'
import { add, concat, constant, type FlatLayout, flatLayout, matmul, type Tensor, transpose } from '@qilin-med/tensor'
import { type ApplyOptions, adapted, drops } from './apply'
import { type LoraConfig, pissaIterations, scalingOf } from './config'
import { adapterLayout, factorNames } from './layout'
import { isSaved } from './targets'

/** Modules whose factors start from their weights; tables start as usual, as in PEFT. */
export const startedModules = (config: LoraConfig, modules: readonly Module[]): readonly Module[] =>
  pissaIterations(config.init) === undefined
    ? []
    : modules.filter(({ kind, path }) => kind !== 'embedding' && !isSaved(config, path))

/** The layout of an adapter's `start`: the factors of `adapterLayout` that start from weights, in the same order; empty for other starts. */
export const startLayout = (config: LoraConfig, modules: readonly Module[]): FlatLayout => {
  const names = new Set(startedModules(config, modules).flatMap((module) => factorNames(module)))
  return flatLayout(adapterLayout(config, modules).entries.filter(({ name }) => names.has(name)))
}

/** The frozen factors of a layer. */
interface FrozenFactors {
  readonly module: Module
  /** A₀ [rank, in]. */
  readonly a: Tensor
  /** −B₀ [out, rank]: what the layer adds. */
  readonly minusB: Tensor
}

/** The start's values as constants by path; made once, so that programs share them. */
export type FrozenStart = ReadonlyMap<string, FrozenFactors>

/** The constants of a start. @param start in the layout of `startLayout` */
export const frozenStart = (config: LoraConfig, modules: readonly Module[], start: Float32Array): FrozenStart => {
  const arrays = new Map(
    startLayout(config, modules).entries.map(({ name, shape, offset, size }) => [
      name,
      { dtype: 'float32' as const, shape, data: start.subarray(offset, offset + size) },
    ]),
  )
  return new Map(
    startedModules(config, modules).map((module) => {
      const [a, b] = factorNames(module).map((name) => arrays.get(name)!)
      const minusB = constant({ ...b!, data: b!.data.map((value) => -value) })
      return [module.path, { module, a: constant(a!), minusB }]
    }),
  )
}

/**
 * `base` with the changes of an adapter that is measured from its start: W + s·(B·A − B₀·A₀). PEFT takes s·B₀·A₀ out of the
 * base weights instead, which here are shared and stay as they are; the function is the same.
 */
export const adaptedFrom = (
  start: FrozenStart,
  config: LoraConfig,
  modules: readonly Module[],
  base: Network,
  parameters: Readonly<Record<string, Tensor>>,
  options: ApplyOptions = {},
): Network => {
  if (!drops(config, options)) return adapted(config, modules, base, widened(start, parameters))
  // PEFT's base weights without their principal part see the input with nothing dropped.
  const { parameter } = adapted(config, modules, base, parameters)
  return { ...adapted(config, modules, residual(start, config, base), parameters, options), parameter }
}

/** The parameters with A over A₀ and B beside −B₀: one product reduces both, one widens both. */
const widened = (
  start: FrozenStart,
  parameters: Readonly<Record<string, Tensor>>,
): Readonly<Record<string, Tensor>> => {
  const wide = [...start.values()].flatMap(({ module, a, minusB }) => {
    const [nameA, nameB] = factorNames(module)
    return [
      [nameA, concat([parameters[nameA]!, a], 0)], // [2·rank, in]
      [nameB, concat([parameters[nameB]!, minusB], 1)], // [out, 2·rank]
    ] as const
  })
  return { ...parameters, ...Object.fromEntries(wide) }
}

/** `base` with W − s·B₀·A₀ in place of its weights. */
const residual = (start: FrozenStart, config: LoraConfig, base: Network): Network => ({
  linear: (path, x) => {
    const frozen = start.get(path)
    const y = base.linear(path, x)
    if (!frozen) return y
    const inner = matmul(x, frozen.a, { transposeB: true })
    return add(y, matmul(inner, frozen.minusB, { transposeB: true, alpha: scalingOf(config, path).scaling }))
  },
  embedding: (path, ids) => base.embedding(path, ids),
  parameter: (name) => {
    const frozen = name.endsWith('.weight') ? start.get(name.slice(0, -'.weight'.length)) : undefined
    const weight = base.parameter(name)
    if (!frozen) return weight
    const { path, kind } = frozen.module
    const change = matmul(frozen.minusB, frozen.a, { alpha: scalingOf(config, path).scaling }) // [out, in]
    return add(weight, kind === 'conv1d' ? transpose(change, [1, 0]) : change)
  },
})
