import type { Kind } from '../kind'
import { collatorCases } from './text-trl/collators'
import { functionCases } from './text-trl/functions'
import { packingCases } from './text-trl/packing'
import { dpoCases, sftCases } from './text-trl/prepared'
import { tokenizersOf } from './text-trl/tokenizers'

/** What TRL does to records: functions, packing, collators, prepared SFT and DPO rows. */
export const kind: Kind = {
  prefix: 'text/trl',
  discover: ({ golden }) => {
    const tokenizers = tokenizersOf(golden)
    return [
      ...functionCases(golden, tokenizers),
      ...packingCases(golden),
      ...collatorCases(golden),
      ...sftCases(golden, tokenizers),
      ...dpoCases(golden, tokenizers),
    ]
  },
}
