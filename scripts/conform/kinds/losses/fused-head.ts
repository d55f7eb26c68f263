import { linearTokenScores, type OutputHead } from '@qilin-med/losses'
import { constant, log, mul, sum } from '@qilin-med/tensor'
import type { Case, Outcome } from '../../kind'
import { Comparison, compute, evaluate, floats, ints } from './evaluate'
import { type Golden, openGolden } from './golden'

interface FusedOptions {
  readonly temperature: number
  readonly softcap: number | null
  readonly logit_scale: number
  readonly bias: boolean
}

type FusedGolden = Golden<Readonly<Record<string, FusedOptions>>>

/** Cases of `losses/fused_head`: whole, in chunks, with a trained and with a frozen head. */
export const fusedHeadCases = async (folder: string): Promise<Case[]> => {
  const golden: FusedGolden | undefined = await openGolden(folder, 'fused_head')
  return Object.keys(golden?.json ?? {}).flatMap((name) =>
    [undefined, 5].map((chunk) => ({
      path: 'losses/fused_head',
      name: chunk === undefined ? name : `${name}/chunk=${chunk}`,
      run: () => runCase(golden!, name, chunk),
    })),
  )
}

const runCase = async (golden: FusedGolden, name: string, chunk: number | undefined): Promise<Outcome> => {
  const options = golden.json[name]!
  const array = (key: string) => floats(golden.get(key).data, golden.get(key).shape)
  const [hidden, weight, bias] = [array('hidden'), array('weight'), array('bias')]
  const rest = { targets: ints([...golden.get('labels').data]), upstream: array('upstream') }
  const settings = { temperature: options.temperature, ...(chunk !== undefined && { chunk }) }
  const head = (given: OutputHead): OutputHead => ({
    weight: given.weight,
    ...(options.bias && given.bias && { bias: given.bias }),
    ...(options.softcap !== null && { softcap: options.softcap }),
    scale: options.logit_scale,
  })
  const frozen = { weight: constant(weight), bias: constant(bias) }
  const statistics = await compute({ hidden, ...rest }, (all) => {
    const scores = linearTokenScores(all.hidden, head(frozen), all.targets, settings)
    return {
      log_probs: scores.logProbs,
      entropy: scores.entropy(),
      log_sum_sq_probs: log(scores.sumSquaredProbs()),
      mean_logits: scores.meanLogit(),
      is_top1: scores.correct(),
    }
  })
  const weighted = (scores: ReturnType<typeof linearTokenScores>, upstream: Parameters<typeof mul>[1]) => ({
    sum: sum(mul(scores.logProbs, upstream)),
    weight: constant(1),
    metrics: {},
  })
  const trained = await evaluate({ hidden, weight, bias }, rest, (p, given) =>
    weighted(linearTokenScores(p.hidden, head(p), given.targets, settings), given.upstream),
  )
  const forHidden = await evaluate({ hidden }, rest, (p, given) =>
    weighted(linearTokenScores(p.hidden, head(frozen), given.targets, settings), given.upstream),
  )
  const comparison = new Comparison()
  for (const [key, values] of Object.entries(statistics)) comparison.products(key, values, golden.get(`${name}.${key}`))
  comparison.products('frozen: grad.hidden', forHidden.gradients.hidden, golden.get(`${name}.grad.hidden`))
  for (const [key, values] of Object.entries(trained.gradients))
    if (golden.has(`${name}.grad.${key}`)) comparison.products(`grad.${key}`, values, golden.get(`${name}.grad.${key}`))
  return comparison.outcome()
}
