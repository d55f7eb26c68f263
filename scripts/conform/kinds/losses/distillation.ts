import { distillation, divergenceOfLogits } from '@qilin-med/losses'
import { constant, gather, reshape, sum, type Tensor } from '@qilin-med/tensor'
import type { Case, Outcome } from '../../kind'
import { Comparison, evaluate, floats, ints } from './evaluate'
import { type Golden, openGolden } from './golden'

interface ChunkedCase {
  readonly loss: number
  readonly entropy_sum: number
  readonly count: number
}

type DistillationGolden = Golden<{
  readonly cases: Readonly<Record<string, number>>
  readonly chunked: Readonly<Record<string, ChunkedCase>>
}>

/** Cases of `losses/distillation`: from logits, and from hidden states whole and in chunks of the vocabulary. */
export const distillationCases = async (folder: string): Promise<Case[]> => {
  const golden: DistillationGolden | undefined = await openGolden(folder, 'distillation')
  if (!golden) return []
  const entry = (name: string, run: () => Promise<Outcome>): Case => ({ path: 'losses/distillation', name, run })
  return [
    ...Object.keys(golden.json.cases).map((name) => entry(name, () => runLogits(golden, name))),
    ...Object.keys(golden.json.chunked).flatMap((name) =>
      [undefined, 5].map((chunk) =>
        entry(`chunked/${name}${chunk ? `/chunk=${chunk}` : ''}`, () => runHidden(golden, name, chunk)),
      ),
    ),
  ]
}

/** What a name such as `beta=0.5/temperature=2.0/mean` says; a part without `=` is the reduction. */
const partsOf = (name: string) => {
  const parts = name.split('/').map((part) => part.split('='))
  const part = (key: string) => parts.find(([name]) => name === key)?.[1]
  return {
    beta: Number(part('beta')),
    temperature: Number(part('temperature') ?? 1),
    items: part('num_items'),
    reduction: parts.find(([, value]) => value === undefined)?.[0] ?? 'batchmean',
  }
}

const array = (golden: DistillationGolden, name: string) => floats(golden.get(name).data, golden.get(name).shape)

/** Places of the counted positions; nothing is shifted here. */
const places = (golden: DistillationGolden): number[] =>
  Array.from(golden.get('labels').data, (label, i) => (label === -100 ? -1 : i)).filter((i) => i >= 0)

const runLogits = async (golden: DistillationGolden, name: string): Promise<Outcome> => {
  const { beta, temperature, reduction, items } = partsOf(name)
  const counted = places(golden)
  const words = golden.get('student_logits').shape.at(-1)!
  const divisors: Record<string, number> = { batchmean: counted.length, sum: 1, mean: counted.length * words }
  const divisor = items === undefined ? divisors[reduction] : Number(items)
  if (divisor === undefined) throw new Error(`unknown reduction ${reduction}`)
  const inputs = { teacher: array(golden, 'teacher_logits'), places: ints(counted) }
  const evaluated = await evaluate({ student: array(golden, 'student_logits') }, inputs, (p, given) => {
    const rows = (x: Tensor): Tensor => gather(reshape(x, [-1, words]), given.places)
    const divergences = divergenceOfLogits(rows(p.student), rows(given.teacher), { beta, temperature })
    return { sum: sum(divergences), weight: constant(divisor), metrics: {} }
  })
  const comparison = new Comparison().number('loss', evaluated.value, golden.json.cases[name]!)
  if (golden.has(`grad.${name}`)) comparison.array('gradient', evaluated.gradients.student, golden.get(`grad.${name}`))
  return comparison.outcome()
}

const runHidden = async (golden: DistillationGolden, name: string, chunk: number | undefined): Promise<Outcome> => {
  const { beta, temperature } = partsOf(name)
  const { loss, entropy_sum, count } = golden.json.chunked[name]!
  const inputs = {
    teacherHidden: array(golden, 'teacher_hidden'),
    teacherWeight: array(golden, 'teacher_weight'),
    places: ints(places(golden)),
  }
  const parameters = { hidden: array(golden, 'student_hidden'), weight: array(golden, 'student_weight') }
  const evaluated = await evaluate(parameters, inputs, (p, given) => {
    const rows = (x: Tensor): Tensor => gather(reshape(x, [-1, x.shape.at(-1)!]), given.places)
    return distillation({ beta, temperature, ...(chunk && { chunk }) })({
      student: { hidden: rows(p.hidden), head: { weight: p.weight } },
      teacher: { hidden: rows(given.teacherHidden), head: { weight: given.teacherWeight } },
    })
  })
  return new Comparison()
    .number('loss', evaluated.value, loss)
    .number('entropy', evaluated.metrics.entropy, entropy_sum / count)
    .products('grad.hidden', evaluated.gradients.hidden, golden.get(`chunked.grad.hidden.${name}`))
    .products('grad.weight', evaluated.gradients.weight, golden.get(`chunked.grad.weight.${name}`))
    .outcome()
}
