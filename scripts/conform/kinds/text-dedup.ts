import type { Kind } from '../kind'
import { bandingCases } from './text-dedup/banding'
import { similarityCases } from './text-dedup/similarities'
import { substringCases } from './text-dedup/substrings'

/** Near and exact duplicates: similarities, components, bands, MinHash bits, duplicated ranges. */
export const kind: Kind = {
  prefix: 'text/dedup',
  discover: ({ golden }) => [...similarityCases(golden), ...bandingCases(golden), ...substringCases(golden)],
}
