import { oneLine } from './errors'
import type { Case, Folders, Kind } from './kind'
import { isBelow, isSelected, mayHold } from './select'
import { goldenUnits } from './units'

/**
 * Every case asked for, sorted by path. What goes wrong on the way becomes a case too, so that it is counted: a kind that
 * cannot read its files fails, a golden file that no kind claims is skipped by name, a selector without match fails.
 */
export const discoverCases = async (
  kinds: readonly Kind[],
  folders: Folders,
  only: readonly string[],
): Promise<Case[]> => {
  const found: Case[] = []
  const broken: Case[] = []
  for (const kind of kinds.filter(({ prefix }) => mayHold(prefix, only))) {
    try {
      found.push(...(await casesOf(kind, folders)))
    } catch (error) {
      broken.push(failing(kind.prefix, '(discover)', oneLine(error)))
    }
  }
  const selected = [...found, ...unclaimed(folders.golden, found, broken)].filter(
    (entry) => only.length === 0 || only.some((selector) => isSelected(entry, selector)),
  )
  return [...broken, ...selected].sort(byPath).concat(unmatched([...selected, ...broken], only))
}

const casesOf = async (kind: Kind, folders: Folders): Promise<Case[]> => {
  const cases = await kind.discover(folders)
  const stray = cases.find(({ path }) => !isBelow(path, kind.prefix))
  if (stray) throw new Error(`case path ${stray.path} does not lie below the kind's prefix ${kind.prefix}`)
  return cases
}

/** Files below the prefix of a broken kind already have a failed case that speaks for them. */
const unclaimed = (golden: string, claimed: readonly Case[], broken: readonly Case[]): Case[] =>
  goldenUnits(golden)
    .filter(
      (unit) => !claimed.some(({ path }) => isBelow(path, unit)) && !broken.some(({ path }) => isBelow(unit, path)),
    )
    .map((path) => ({ path, name: '', run: () => ({ skipped: 'no kind reads this file yet' }) }))

const unmatched = (selected: readonly Case[], only: readonly string[]): Case[] =>
  only
    .filter((selector) => !selected.some((entry) => isSelected(entry, selector) || isBelow(selector, entry.path)))
    .map((selector) =>
      failing(selector, '', '--only matches no golden file and no case. Check the path, or leave it out.'),
    )

const failing = (path: string, name: string, message: string): Case => ({
  path,
  name,
  run: () => {
    throw new Error(message)
  },
})

const byPath = (a: Case, b: Case): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)
