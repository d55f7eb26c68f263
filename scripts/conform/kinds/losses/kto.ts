import { type KtoType, kto, unpairedCompletions } from '@qilin-med/losses'
import type { Case, Outcome } from '../../kind'
import { bools, Comparison, evaluate, floats, ints } from './evaluate'
import { type Golden, openGolden } from './golden'
import { givenScores, labelled, shifted } from './tokens'

interface KtoCase {
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
  readonly options: { readonly beta: number; readonly desirable_weight: number; readonly undesirable_weight: number }
}

type KtoGolden = Golden<{ readonly cases: Readonly<Record<string, KtoCase>> }>

/** Cases of `losses/kto`; their names are `TYPE/KL/...`, where KL says which mismatched completions they use. */
export const ktoCases = async (folder: string): Promise<Case[]> => {
  const golden: KtoGolden | undefined = await openGolden(folder, 'kto')
  return Object.keys(golden?.json.cases ?? {}).map((name) => ({
    path: 'losses/kto',
    name,
    run: () => runCase(golden!, name),
  }))
}

const runCase = async (golden: KtoGolden, name: string): Promise<Outcome> => {
  const { loss, metrics, options } = golden.json.cases[name]!
  const [type, divergence] = name.split('/') as [KtoType, string]
  const array = (key: string) => floats(golden.get(key).data, golden.get(key).shape)
  const mask = shifted(golden.get('completion_mask'))
  const { places, sequences, offsets } = labelled(mask)
  const rows = mask.shape[0]!
  const inputs = {
    reference: array('ref'),
    klPolicy: array('kl_policy'),
    klReference: array(`${divergence}.kl_ref`),
    entropy: array('entropy'),
    meanLogit: array('mean_logits'),
    desirable: bools([...golden.get('label').data].map(Boolean)),
    places: ints(places),
    sequences: ints(sequences),
    offsets: ints(offsets),
  }
  const evaluated = await evaluate({ policy: array('policy') }, inputs, (p, given) =>
    kto({
      type,
      beta: options.beta,
      desirableWeight: options.desirable_weight,
      undesirableWeight: options.undesirable_weight,
    })(
      unpairedCompletions({
        policy: givenScores({ ...given, logProbs: p.policy }, given, rows),
        reference: givenScores({ logProbs: given.reference }, given, rows),
        desirable: given.desirable,
        mismatched: {
          policy: givenScores({ logProbs: given.klPolicy }, given, rows),
          reference: givenScores({ logProbs: given.klReference }, given, rows),
        },
      }),
    ),
  )
  return new Comparison()
    .number('loss', evaluated.value, loss)
    .metrics(evaluated.metrics, metrics, ['num_tokens']) // counts a whole training, not a batch
    .array('gradient', evaluated.gradients.policy, golden.get(`grad.${name}`), mask)
    .outcome()
}
