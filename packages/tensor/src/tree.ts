import { TensorError } from './errors'

/** Values of type Leaf in nested objects and arrays. */
export type Tree<Leaf> = Leaf | readonly Tree<Leaf>[] | { readonly [key: string]: Tree<Leaf> }

/** A tree with each leaf of type From replaced by To; other values (undefined) stay. */
export type MapTree<T, From, To> = T extends From
  ? To
  : T extends readonly unknown[]
    ? { [K in keyof T]: MapTree<T[K], From, To> }
    : T extends object
      ? { [K in keyof T]: MapTree<T[K], From, To> }
      : T

/** A leaf with the path that leads to it, such as `0.params.w`. */
export interface TreeLeaf<Leaf> {
  readonly path: string
  readonly leaf: Leaf
}

/** Leaves in a fixed order: array order, and object keys as they were inserted. `undefined` is no leaf. */
export const leavesOf = <Leaf>(
  tree: unknown,
  isLeaf: (value: unknown) => value is Leaf,
  path = '',
): TreeLeaf<Leaf>[] => {
  if (isLeaf(tree)) return [{ path, leaf: tree }]
  if (tree === undefined || tree === null) return []
  if (typeof tree !== 'object' || ArrayBuffer.isView(tree))
    throw new TensorError(
      'argument',
      `compile: expected tensors in objects and arrays, got ${typeof tree} at '${path}'. Pass a tensor or an array there.`,
      { argument: path },
    )
  return Object.entries(tree).flatMap(([key, child]) => leavesOf(child, isLeaf, path === '' ? key : `${path}.${key}`))
}

/** The tree with each leaf replaced by `map(leaf, path)`. */
export const mapTree = <Leaf, To>(
  tree: unknown,
  isLeaf: (value: unknown) => value is Leaf,
  map: (leaf: Leaf, path: string) => To,
  path = '',
): unknown => {
  if (isLeaf(tree)) return map(tree, path)
  if (tree === undefined || tree === null || typeof tree !== 'object') return tree
  const child = (key: string, value: unknown) => mapTree(value, isLeaf, map, path === '' ? key : `${path}.${key}`)
  if (Array.isArray(tree)) return tree.map((value, index) => child(`${index}`, value))
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, child(key, value)]))
}
