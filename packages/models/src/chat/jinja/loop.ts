import { callable, firstOf, isEqual, type TemplateObject, Tuple, Undefined, type Value } from './values'

/** The variable `loop` of a for block. */
export interface Loop {
  readonly object: TemplateObject
  /** Makes the item with this index the current one. */
  moveTo(index: number): void
}

/** `loop` over items; `recurse` renders the block for other items. */
export const loopObject = (items: readonly Value[], depth: number, recurse: (items: Value) => string): Loop => {
  let index = 0
  let last: Value | undefined // what `changed` saw
  const fields: Readonly<Record<string, () => Value>> = {
    index: () => index + 1,
    index0: () => index,
    revindex: () => items.length - index,
    revindex0: () => items.length - index - 1,
    first: () => index === 0,
    last: () => index === items.length - 1,
    length: () => items.length,
    depth: () => depth + 1,
    depth0: () => depth,
    previtem: () => firstOf(items[index - 1], new Undefined('there is no previous item'))!,
    nextitem: () => firstOf(items[index + 1], new Undefined('there is no next item'))!,
    cycle: () => callable((choices) => choices[index % choices.length] ?? null),
    changed: () =>
      callable((values) => {
        const seen = new Tuple(values)
        if (last !== undefined && isEqual(last, seen)) return false
        last = seen
        return true
      }),
  }
  const object: TemplateObject = {
    type: 'LoopContext',
    attribute: (name) => (Object.hasOwn(fields, name) ? fields[name]!() : undefined),
    call: ([others = null]) => recurse(others),
  }
  return {
    object,
    moveTo(next) {
      index = next
    },
  }
}
