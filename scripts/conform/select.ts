/** A `--only` path without what people leave on it by habit: `./`, a trailing slash, the extension of a golden file. */
export const normalisePath = (path: string): string =>
  path
    .replace(/^\.\//, '')
    .replace(/\/+$/, '')
    .replace(/\/golden\.(json|safetensors)$/, '')
    .replace(/\.(json|safetensors)$/, '')

/** True when `path` is `ancestor` or lies below it; whole path parts count, so `lora/lora` does not hold `lora/loraplus`. */
export const isBelow = (path: string, ancestor: string): boolean =>
  ancestor === '' || path === ancestor || path.startsWith(`${ancestor}/`)

/** True when a case is asked for: by a path at or above its own, or by its path and name (`losses/dpo/sigmoid`). */
export const isSelected = (entry: { path: string; name: string }, selector: string): boolean =>
  isBelow(entry.path, selector) || isBelow(`${entry.path}/${entry.name}`, selector)

/** True when cases below `prefix` can be among those asked for, so that their kind has to look for them. */
export const mayHold = (prefix: string, selectors: readonly string[]): boolean =>
  selectors.length === 0 || selectors.some((selector) => isBelow(prefix, selector) || isBelow(selector, prefix))
