/** Requests whose prompts begin alike; `length` tokens of that beginning are worth computing once. */
export interface SharedBeginning {
  readonly length: number
  /** Numbers of the requests. */
  readonly members: readonly number[]
}

/** Fewest tokens that sharing must save; less does not pay for one more program call. */
export const worthwhile = 64

/**
 * Groups of prompts that share a beginning, so that as few tokens as possible are computed when each group's beginning is
 * computed once; a group of one shares nothing and has length 0.
 *
 * Prompts are sorted, so that those with a common beginning stand side by side and form a tree of ever longer beginnings. At each
 * branch every subtree either joins the branch's group or keeps its own groups, whichever saves more; the sum is the optimum
 * over all groupings. The last token of a prompt is never shared, because what follows is predicted from it.
 */
export const sharedBeginnings = (prompts: readonly (readonly number[])[]): SharedBeginning[] => {
  if (prompts.length === 0) return []
  const order = [...prompts.keys()].sort((a, b) => compare(prompts[a]!, prompts[b]!) || a - b)
  const common = order.slice(1).map((index, i) => {
    const [a, b] = [prompts[order[i]!]!, prompts[index]!]
    return Math.min(commonLength(a, b), a.length - 1, b.length - 1)
  })
  return bestGroups(order, common).groups.map(({ length, members }) => ({
    length: members.length > 1 ? length : 0,
    members: [...members].sort((a, b) => a - b),
  }))
}

/** Number of equal leading tokens. */
export const commonLength = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a[length] === b[length]) length++
  return length
}

const compare = (a: readonly number[], b: readonly number[]): number => {
  const at = commonLength(a, b)
  return (a[at] ?? -1) - (b[at] ?? -1)
}

interface Plan {
  /** Tokens that need not be computed. */
  readonly saved: number
  readonly groups: readonly SharedBeginning[]
  /** All requests below this branch. */
  readonly members: readonly number[]
}

/** The plan of a stretch of sorted requests; `common[i]` is the shared length of requests i and i + 1. */
const bestGroups = (order: readonly number[], common: readonly number[]): Plan => {
  // A stack of open branches, each with the plans of its finished subtrees, rising in shared length.
  const open: { readonly length: number; readonly plans: Plan[] }[] = [{ length: 0, plans: [] }]
  let last = alone(order[0]!)
  common.forEach((length, i) => {
    while (open.at(-1)!.length > length) {
      const branch = open.pop()!
      last = joined(branch.length, [...branch.plans, last])
    }
    if (open.at(-1)!.length < length) open.push({ length, plans: [] })
    open.at(-1)!.plans.push(last)
    last = alone(order[i + 1]!)
  })
  while (open.length > 0) {
    const branch = open.pop()!
    last = joined(branch.length, [...branch.plans, last])
  }
  return last
}

const alone = (index: number): Plan => ({ saved: 0, groups: [{ length: 0, members: [index] }], members: [index] })

/** The better of: subtrees as they are, or those that gain by it in one group of `length` shared tokens. */
const joined = (length: number, plans: readonly Plan[]): Plan => {
  const joining = plans.filter((plan) => plan.members.length * length > plan.saved)
  const staying = plans.filter((plan) => plan.members.length * length <= plan.saved)
  const gain = joining.reduce((sum, plan) => sum + plan.members.length * length - plan.saved, 0) - length
  const members = plans.flatMap((plan) => plan.members)
  const saved = plans.reduce((sum, plan) => sum + plan.saved, 0)
  if (gain < worthwhile || joining.length < 1) return { saved, groups: plans.flatMap((plan) => plan.groups), members }
  const group = { length, members: joining.flatMap((plan) => plan.members) }
  return { saved: saved + gain, groups: [group, ...staying.flatMap((plan) => plan.groups)], members }
}
