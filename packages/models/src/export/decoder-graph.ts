import {
  addDims,
  constant,
  dimension,
  f32,
  type Graph,
  type GraphNode,
  gather,
  i64,
  lowerProgram,
  renameValues,
  type Tensor,
  trace,
} from '@qilin-med/tensor'
import type { KeyValue } from '../families/context'
import { decoderHiddenStates, outputHead, projectToVocabulary } from '../forward'
import type { LanguageModel, NetworkAdapter } from '../model'

/** Arguments of the traced decoder. */
interface Inputs {
  readonly ids: Tensor
  readonly mask: Tensor
  /** Numbers of the new tokens whose logits are wanted. */
  readonly rows: Tensor
  readonly past: readonly KeyValue[]
}

/**
 * A model, with the adapter's change where there is one, as the graph of a decoder that Optimum and Transformers.js know:
 *
 * | argument | |
 * |---|---|
 * | `input_ids` | int64 [batch_size, sequence_length] |
 * | `attention_mask` | int64 [batch_size, past + sequence_length], 0 for padding on the left |
 * | `num_logits_to_keep` | int64 [], how many of the last tokens get logits; 0 for all |
 * | `past_key_values.0.key`, `.value`, … | float32 [batch_size, key/value heads, past_sequence_length, head size] |
 *
 * Results are `logits` float32 [batch_size, kept, V] and `present.0.key`, `.value`, … with the new tokens after the earlier ones.
 * Positions are counted from the mask, so padding does not shift them.
 */
export const decoderGraph = (model: LanguageModel, adapter?: NetworkAdapter): Graph => {
  const { config } = model
  const { program } = trace(decoder(model, adapter), [inputTypes(model)], { name: config.family })
  const graph = lowerProgram(program, 'wasm') // kernels that every build of ONNX Runtime has
  const parts = Array.from({ length: config.layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat()
  const names = Object.fromEntries([
    ['in_0.ids', 'input_ids'],
    ['in_0.mask', 'attention_mask'],
    ['in_0.rows', keptRows],
    ...parts.map((part) => [`in_0.past.${part}`, `past_key_values.${part}`]),
    ['out_0', 'logits'],
    ...parts.map((part, i) => [`out_${i + 1}`, `present.${part}`]),
  ])
  return countingKept(renameValues(graph, names))
}

const inputTypes = ({ config }: LanguageModel) => {
  const [time, past] = [dimension('sequence_length'), dimension('past_sequence_length')]
  const cache = f32('batch_size', config.keyValueHeads, past, config.headSize)
  return {
    ids: i64('batch_size', time),
    mask: i64('batch_size', addDims(past, time)),
    rows: i64('logits_length'),
    past: Array.from({ length: config.layers }, () => ({ key: cache, value: cache })),
  }
}

const decoder = (model: LanguageModel, adapter: NetworkAdapter | undefined) => {
  const base = model.network()
  const net = adapter ? adapter.apply(base, constantsOf(adapter)) : base
  return ({ ids, mask, rows, past }: Inputs) => {
    const { hidden, caches } = decoderHiddenStates(model.config, net, { ids, mask, past })
    const logits = projectToVocabulary(outputHead(model.config, net), gather(hidden, rows, { axis: 1 }))
    return { logits, present: caches }
  }
}

/** The adapter's parameters as constants, each of its own: a slice of all would be one more node each. */
const constantsOf = ({ layout, values }: NetworkAdapter): Record<string, Tensor> =>
  Object.fromEntries(
    layout.entries.map(({ name, shape, offset, size }) => [
      name,
      constant({ dtype: 'float32', shape, data: values.slice(offset, offset + size) }),
    ]),
  )

const keptRows = 'kept_rows'

/**
 * The graph with `num_logits_to_keep` in place of the numbers of the rows themselves. How many rows there are is known at run
 * time only, which shapes of traced programs cannot express, so these nodes are written by hand.
 */
const countingKept = (graph: Graph): Graph => {
  const count = 'num_logits_to_keep'
  const scalar = (value: bigint) => ({ dtype: 'int64' as const, shape: [], read: () => BigInt64Array.of(value) })
  const node = (type: string, inputs: readonly string[], output: string, attributes = {}): GraphNode => {
    return { type, inputs, outputs: [output], attributes, domain: undefined, op: count }
  }
  const nodes = [
    node('Shape', ['input_ids'], 'kept_axis', { start: 1, end: 2 }),
    node('Squeeze', ['kept_axis'], 'kept_length'),
    node('Equal', [count, 'kept_zero'], 'kept_all'),
    node('Min', [count, 'kept_length'], 'kept_most'),
    node('Where', ['kept_all', 'kept_length', 'kept_most'], 'kept_count'),
    node('Sub', ['kept_length', 'kept_count'], 'kept_first'),
    node('Range', ['kept_first', 'kept_length', 'kept_one'], keptRows),
  ]
  return {
    ...graph,
    inputs: graph.inputs.map((input) =>
      input.name === keptRows ? { name: count, dtype: 'int64' as const, shape: [] } : input,
    ),
    nodes: [...nodes, ...graph.nodes],
    initializers: new Map([...graph.initializers, ['kept_zero', scalar(0n)], ['kept_one', scalar(1n)]]),
  }
}
