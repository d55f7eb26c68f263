import type { Module } from '@qilin-med/models'
import { adapterFrom, type LoraAdapter } from './adapter'
import { type LoraConfig, scalingOf } from './config'
import { adapterLayout, factorNames } from './layout'
import { startedModules, startLayout } from './start'
import { isSaved } from './targets'

/**
 * The adapter as plain LoRA over the same base weights, which computes the same: B·A − B₀·A₀ = [B, −B₀]·[A; A₀] has twice
 * the rank. An adapter without a start is returned as it is.
 */
export const plainAdapter = (adapter: LoraAdapter): LoraAdapter => {
  const { config, modules, layout, start } = adapter
  if (!start) return adapter
  const wide = plainConfig(config, modules)
  const target = adapterLayout(wide, modules)
  const values = new Float32Array(target.size)
  const frozen = new Map(startLayout(config, modules).entries.map(({ name, offset }) => [name, offset]))
  const downward = new Set(startedModules(config, modules).map((module) => factorNames(module)[0]))
  target.entries.forEach(({ name, offset, shape, size }, i) => {
    const own = layout.entries[i]!
    const first = frozen.get(name)
    values.set(adapter.values.subarray(own.offset, own.offset + own.size), offset)
    if (first === undefined) return
    const from = start.subarray(first, first + own.size)
    if (downward.has(name)) values.set(from, offset + own.size)
    else setBeside(values.subarray(offset, offset + size), shape[1]! / 2, from)
  })
  return adapterFrom(wide, modules, values)
}

/** Spreads the rows [rank] of B at the front of `target` to rows [2·rank] whose second half is −B₀; from the last on, as they grow. */
const setBeside = (target: Float32Array, rank: number, first: Float32Array): void => {
  for (let o = first.length / rank - 1; o >= 0; o--) {
    target.copyWithin(2 * o * rank, o * rank, (o + 1) * rank)
    for (let r = 0; r < rank; r++) target[(2 * o + 1) * rank + r] = -first[o * rank + r]!
  }
}

/** Twice every rank at the same scalings; tables, which have no start, keep theirs. */
const plainConfig = (config: LoraConfig, modules: readonly Module[]): LoraConfig => {
  const tables = modules.filter(({ kind, path }) => kind === 'embedding' && !isSaved(config, path))
  const own = (what: 'rank' | 'alpha') =>
    Object.fromEntries(tables.map(({ path }) => [path.replaceAll('.', '\\.'), scalingOf(config, path)[what]]))
  const alphas = config.rankStabilized ? Math.SQRT2 : 2
  // The first pattern that matches counts: tables come first, and count over an equal pattern.
  const patterns = (what: 'rank' | 'alpha', given: LoraConfig['rankPattern'], factor: number) => ({
    ...own(what),
    ...Object.fromEntries(Object.entries(given).map(([key, value]) => [key, factor * value])),
    ...own(what),
  })
  return {
    ...config,
    init: 'default',
    rank: 2 * config.rank,
    alpha: alphas * config.alpha,
    rankPattern: patterns('rank', config.rankPattern, 2),
    alphaPattern: patterns('alpha', config.alphaPattern, alphas),
  }
}
