import { join } from 'node:path'
import type { Case } from '../../kind'
import { openGolden } from '../models/golden'

const path = 'lora/pissa'

/** Principal singular vectors as a start (PiSSA): it changes base weights, which this library keeps as they are. */
export const pissaCases = async (golden: string): Promise<Case[]> => {
  const theirs = await openGolden<Readonly<Record<string, unknown>>>(join(golden, path))
  if (!theirs) return []
  return Object.entries(theirs.json)
    .filter(([, value]) => typeof value === 'object')
    .map(([name]) => ({ path, name, run: () => ({ skipped: 'adapters that start from PiSSA are not made' }) }))
}
