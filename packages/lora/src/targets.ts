import type { Module } from '@qilin-med/models'
import type { LoraTargets } from './config'
import { LoraError } from './errors'

type Matcher = string | readonly string[]

/** `/pattern/` as PEFT's full-match regular expression; undefined for anything else. */
const fullMatch = (matcher: Matcher): RegExp | undefined =>
  typeof matcher === 'string' && matcher.length > 2 && matcher.startsWith('/') && matcher.endsWith('/')
    ? pattern(`^(?:${matcher.slice(1, -1)})$`)
    : undefined

const pattern = (source: string): RegExp => {
  try {
    return new RegExp(source)
  } catch (cause) {
    throw new LoraError(
      'targets',
      `lora: expected a regular expression, got ${source}. JavaScript's syntax counts, which lacks some of Python's.`,
      { cause },
    )
  }
}

const namesMatch = (names: Matcher, path: string): boolean =>
  (typeof names === 'string' ? [names] : names).some((name) => path === name || path.endsWith(`.${name}`))

const matches = (matcher: Matcher, path: string): boolean => fullMatch(matcher)?.test(path) ?? namesMatch(matcher, path)

const isHead = (path: string): boolean => path === 'lm_head' || path.endsWith('.lm_head')

const layerNumber = (path: string, patterns: Matcher | undefined): number | undefined => {
  const names = patterns === undefined ? ['[^.]+'] : typeof patterns === 'string' ? [patterns] : patterns
  for (const name of names) {
    const found = pattern(`(?:^|\\.)${name}\\.(\\d+)\\.`).exec(path)
    if (found) return Number(found[1])
  }
  return undefined
}

const inLayers = ({ layersToTransform: layers, layersPattern }: LoraTargets, path: string): boolean => {
  if (layers === undefined) return true
  const number = layerNumber(path, layersPattern)
  return number !== undefined && (typeof layers === 'number' ? [layers] : layers).includes(number)
}

/** True when the module at `path` is trained as a full copy. */
export const isSaved = ({ modulesToSave = [] }: SavedModules, path: string): boolean => namesMatch(modulesToSave, path)

interface SavedModules {
  readonly modulesToSave?: readonly string[]
}

/**
 * Modules that get an adapter or, by `modulesToSave`, a full copy; in model order, by PEFT's rules.
 *
 * @throws LoraError `targets` when none matches, naming some of what there is, or when the output head would get a low-rank change
 */
export const selectModules = (modules: readonly Module[], targets: LoraTargets & SavedModules): Module[] => {
  const saved = modules.filter(({ path }) => isSaved(targets, path))
  for (const name of targets.modulesToSave ?? [])
    if (!saved.some(({ path }) => namesMatch(name, path)))
      throw new LoraError(
        'targets',
        `lora: modulesToSave must name modules of the model, got '${name}'. A tied output head is no module of its own.`,
        { module: name },
      )
  const selected = new Set([...adaptedModules(modules, targets), ...saved])
  return modules.filter((module) => selected.has(module))
}

const adaptedModules = (modules: readonly Module[], targets: LoraTargets & SavedModules): Module[] => {
  const { targetModules, excludeModules } = targets
  const allLinear = typeof targetModules === 'string' && targetModules.toLowerCase() === 'all-linear'
  const selected = modules.filter((module) => {
    if (isSaved(targets, module.path)) return false
    if (excludeModules && matches(excludeModules, module.path)) return false
    if (!inLayers(targets, module.path)) return false
    return allLinear ? module.kind !== 'embedding' && !isHead(module.path) : matches(targetModules, module.path)
  })
  if (selected.length === 0)
    throw new LoraError(
      'targets',
      `lora: targetModules must match a layer, got ${JSON.stringify(targetModules)}. Use 'all-linear', or names such as ${modules
        .slice(0, 3)
        .map(({ path }) => `'${path.split('.').at(-1)}'`)
        .join(', ')}.`,
    )
  requireNoHead(selected)
  return selected
}

/** Losses walk the output head's matrix tile by tile, and know no change beside it. */
const requireNoHead = (modules: readonly Module[]): void => {
  const head = modules.find(({ path }) => isHead(path))
  if (head)
    throw new LoraError(
      'targets',
      `lora: layers with a low-rank change must not be the output head, got ${head.path}. Leave it out by excludeModules: ['lm_head'], or train a full copy of it by modulesToSave: ['lm_head'].`,
      { module: head.path },
    )
}
