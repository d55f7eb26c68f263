import { type AttentionOptions, attention, attentionMask } from '../ops/attention'
import { arange } from '../ops/dimension-size'
import { zeros } from '../ops/indexing'
import { broadcastTo } from '../ops/reshape'
import type { Tensor } from '../tensor'
import { bit, type Case, index, row, x } from './case'

/** Every tensor of a layout, so that each of its tokens sees a set of its own. */
const mask = (parents: Tensor, segments: Tensor, prefix: Tensor) =>
  attentionMask(arange('B'), { positions: broadcastTo(arange('B'), segments.shape), segments, parents, prefix })

const masked = (options: AttentionOptions, window?: number) => (q: Tensor, k: Tensor, v: Tensor, segments: Tensor) => {
  const positions = broadcastTo(arange('B'), segments.shape)
  const mask = attentionMask(arange('B'), { positions, segments }, window === undefined ? {} : { window })
  return attention(q, k, v, mask, options)
}

/** The contract of attention and its masks. */
export const attentionCases: readonly Case[] = [
  row('attention', [x('A', 4, 'B', 2), x('A', 2, 'B', 2), x('A', 2, 'B', 3), index('A', 'B')], masked({}), 1),
  row(
    'attention, window',
    [x('A', 2, 'B', 2), x('A', 2, 'B', 2), x('A', 2, 'B', 2), index('A', 'B')],
    masked({}, 2),
    1,
  ),
  row('attentionMask', [index('A', 'B'), index('A', 'B'), bit('A', 'B')], mask),
  row(
    'attention, causal',
    [x('A', 4, 'B', 2), x('A', 2, 'B', 2), x('A', 2, 'B', 3), index('A', 'B')],
    masked({ causal: true }),
    1,
  ),
  row(
    'attention, causal, in two blocks',
    [x('A', 4, 'B', 2), x('A', 2, 'B', 2), x('A', 2, 'B', 3), index('A', 'B')],
    masked({ causal: true, blocks: 2 }),
    1,
  ),
  row(
    'attention, causal and soft cap',
    [x('A', 2, 'B', 2), x('A', 2, 'B', 2), x('A', 2, 'B', 3), index('A', 'B')],
    masked({ causal: true, softcap: 1.5 }),
    1,
  ),
  row(
    'attention, soft cap',
    [x('A', 2, 'B', 2), x('A', 1, 'C', 2), x('A', 1, 'C', 2)],
    (q, k, v) => attention(q, k, v, zeros([1, 1, 1, 1]), { softcap: 1.5, scale: 0.7 }),
    1,
  ),
]
