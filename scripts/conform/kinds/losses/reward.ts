import { reward } from '@qilin-med/losses'
import { reshape, slice } from '@qilin-med/tensor'
import type { Case, Outcome } from '../../kind'
import { Comparison, evaluate, floats } from './evaluate'
import { type Golden, openGolden } from './golden'

interface RewardCase {
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
  readonly options: { readonly center_rewards_coefficient: number | null; readonly margin: boolean }
}

type RewardGolden = Golden<{ readonly cases: Readonly<Record<string, RewardCase>> }>

/** Cases of `losses/reward`. */
export const rewardCases = async (folder: string): Promise<Case[]> => {
  const golden: RewardGolden | undefined = await openGolden(folder, 'reward')
  return Object.keys(golden?.json.cases ?? {}).map((name) => ({
    path: 'losses/reward',
    name,
    run: () => runCase(golden!, name),
  }))
}

const runCase = async (golden: RewardGolden, name: string): Promise<Outcome> => {
  const { loss, metrics, options } = golden.json.cases[name]!
  const array = (key: string) => floats(golden.get(key).data, golden.get(key).shape)
  const pairs = golden.get('rewards').shape[0]! / 2
  const evaluated = await evaluate({ rewards: array('rewards') }, { margin: array('margin') }, (p, given) => {
    const flat = reshape(p.rewards, [-1])
    return reward({ centering: options.center_rewards_coefficient ?? 0 })({
      chosen: slice(flat, 0, 0, pairs),
      rejected: slice(flat, 0, pairs),
      ...(options.margin && { margin: given.margin }),
    })
  })
  return new Comparison()
    .number('loss', evaluated.value, loss)
    .metrics(evaluated.metrics, metrics, ['num_tokens']) // counts a whole training, not a batch
    .array('gradient', evaluated.gradients.rewards, golden.get(`grad.${name}`))
    .outcome()
}
