/** Disjoint sets of 0 to size - 1; the root of a set is its smallest member. */
export interface Components {
  /** Smallest member of the set that holds `item`. */
  find(item: number): number
  /** Joins the sets of two items; false when they were one already. */
  union(a: number, b: number): boolean
}

/** Disjoint sets with path halving. */
export function components(size: number): Components {
  const parent = new Int32Array(size)
  for (let item = 0; item < size; item++) parent[item] = item
  const find = (item: number): number => {
    let root = item
    while (parent[root] !== root) root = parent[root] = parent[parent[root]!]!
    return root
  }
  return {
    find,
    union: (a, b) => {
      const x = find(a)
      const y = find(b)
      if (x !== y) parent[Math.max(x, y)] = Math.min(x, y)
      return x !== y
    },
  }
}

/** Members of each set of more than one item below `size`, ascending; the sets by their smallest member. */
export function clusters(sets: Pick<Components, 'find'>, size: number): number[][] {
  const place = new Int32Array(size).fill(-1)
  const members: number[][] = []
  for (let item = 0; item < size; item++) {
    const root = sets.find(item)
    if (root === item) continue
    if (place[root]! < 0) place[root] = members.push([root]) - 1
    members[place[root]!]!.push(item)
  }
  return members.sort((a, b) => a[0]! - b[0]!)
}

/** The root of each item. */
export const rootsOf = (sets: Components, size: number): Int32Array => {
  const roots = new Int32Array(size)
  for (let item = 0; item < size; item++) roots[item] = sets.find(item)
  return roots
}

/** The smallest member of the connected component of each of `size` items, from edges given as two items each, in any order. */
export function connectedComponents(size: number, edges: ArrayLike<number>): Int32Array {
  const sets = components(size)
  for (let i = 0; i + 1 < edges.length; i += 2) sets.union(edges[i]!, edges[i + 1]!)
  return rootsOf(sets, size)
}
