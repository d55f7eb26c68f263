import {
  concat,
  constantSource,
  convertElements,
  type FlatLayout,
  flatLayout,
  isFloating,
  randomWords,
  reshape,
  slice,
  type Tensor,
  unsqueeze,
} from '@qilin-med/tensor'
import { TrainError } from '../errors'
import type { AdapterFactory, Parameters, TrainableAdapter, TrainableModel } from '../model'

/** What is trained: an adapter on fixed weights, or the weights themselves, as one flat vector. */
export interface Policy<Network = unknown> {
  readonly layout: FlatLayout
  /** Values before the first step, in layout order. */
  initial(): Float32Array
  /**
   * The network with the given parameters.
   *
   * @param dropoutKey int64 [2]; absent: nothing is dropped
   */
  network(parameters: Parameters, dropoutKey?: Tensor): Network
}

/** The adapter that an option stands for: made for the model, or as it is. */
export const adapterOf = <Network, Modules, Adapter extends TrainableAdapter<Network>>(
  model: TrainableModel<Network, Modules>,
  adapter: AdapterFactory<Network, Modules, Adapter> | Adapter,
  seed: number,
): Adapter =>
  'create' in adapter ? adapter.create(model.modules, { seed, weight: (name) => weightValues(model, name) }) : adapter

/** Trains the adapter; the model's weights stay constants. */
export const adapterPolicy = <Network>(
  model: TrainableModel<Network>,
  adapter: TrainableAdapter<Network>,
): Policy<Network> => ({
  layout: adapter.layout,
  initial: () => adapter.values.slice(),
  network: (parameters, key) =>
    adapter.apply(
      model.network(),
      parameters,
      key ? { dropoutKey: keysByPath(key, adapter.layout.entries.length) } : {},
    ),
})

/** Trains the model's own weights: all, or those that `trains` names. */
export const modelPolicy = <Network>(
  model: TrainableModel<Network>,
  trains: (name: string) => boolean = () => true,
): Policy<Network> => {
  const layout = flatLayout(model.parameters.filter(({ name }) => trains(name)))
  for (const { name } of layout.entries) requireTrainable(model, name)
  return {
    layout,
    initial: () => {
      const values = new Float32Array(layout.size)
      for (const { name, offset } of layout.entries) values.set(weightValues(model, name), offset)
      return values
    },
    network: (parameters) => model.network(parameters),
  }
}

/** @throws TrainError `option` when the weight is quantised: its few bits are frozen */
const requireTrainable = <Network>(model: TrainableModel<Network>, name: string): void => {
  const scheme = constantSource(model.weight(name))?.quantized?.weight.scheme
  if (scheme)
    throw new TrainError(
      'option',
      `train: expected parameters in float32, float16 or bfloat16, got ${name} in ${scheme}. Pass an adapter, or load the model in float32.`,
      { option: 'model' },
    )
}

/** Values of a weight of the model in float32: 16 bits widened, quantised ones as they stand for. */
export const weightValues = <Network>(model: TrainableModel<Network>, name: string): Float32Array => {
  const source = constantSource(model.weight(name))
  if (source && isFloating(source.dtype)) return convertElements(source.dtype, source.read(), 'float32') as Float32Array
  throw new TrainError(
    'option',
    `train: expected ${name} in float32, float16 or bfloat16, got ${source?.dtype ?? 'no constant'}. Train an adapter, or load the model in float32.`,
    { option: 'model' },
  )
}

/** A key of its own for each layer that drops: words drawn from the micro-batch's key, in the order of the layers. */
const keysByPath = (key: Tensor, most: number): ((path: string) => Tensor) => {
  const [high, low] = randomWords(key, [most])
  const words = concat([unsqueeze(high, 0), unsqueeze(low, 0)], 0) // [2, most]
  const numbers = new Map<string, number>()
  return (path) => {
    const number = numbers.get(path) ?? numbers.size
    numbers.set(path, number)
    return reshape(slice(words, 1, number, number + 1), [2])
  }
}
