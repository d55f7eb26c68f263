import { add, cast, ceil, dimensionSize, floor, gather, maximum, mul, sub, type Tensor } from '@qilin-med/tensor'
import { ascending } from './sort'

/**
 * The `share` quantile of a vector, between elements by linear interpolation as torch.quantile has it; a scalar.
 *
 * @param x     [N], N above 0
 * @param share in [0, 1]
 */
export const quantile = (x: Tensor, share: number): Tensor => {
  const sorted = ascending(x)
  const place = mul(maximum(sub(dimensionSize(x.shape[0]!, 'float32'), 1), 0), share)
  const at = (index: Tensor): Tensor => gather(sorted, cast(index, 'int64'))
  const below = at(floor(place))
  return add(below, mul(sub(at(ceil(place)), below), sub(place, floor(place))))
}
