import type { Expression, Statement } from './ast'

/** Calls `see` with every statement and expression of a tree. */
export const visit = (tree: unknown, see: (node: Statement | Expression) => void): void => {
  if (Array.isArray(tree)) for (const part of tree) visit(part, see)
  else if (typeof tree === 'object' && tree !== null && Object.getPrototypeOf(tree) === Object.prototype) {
    if ('type' in tree) see(tree as Statement | Expression)
    for (const part of Object.values(tree)) visit(part, see)
  }
}

/** Names that statements read. */
export const namesIn = (statements: readonly Statement[]): ReadonlySet<string> => {
  const names = new Set<string>()
  visit(statements, (node) => {
    if (node.type === 'name' && 'name' in node) names.add(node.name)
  })
  return names
}
