import { type LoraAdapter, lora } from '@qilin-med/lora'
import { cpt, linearTokenScores } from '@qilin-med/losses'
import type { LanguageModel, PassOptions } from '@qilin-med/models'
import {
  type Compiled,
  compile,
  div,
  f32,
  flattenBy,
  gather,
  i32,
  type LoadOptions,
  type NdArray,
  type Resident,
  type Runtime,
  reshape,
  type Tensor,
  unflatten,
  valueAndGrad,
} from '@qilin-med/tensor'
import { attentionBlocksFor } from '@qilin-med/train'
import { rank, rowOf, type StepShape } from './shapes'

/** Arrays of one micro-batch, traced. */
interface Batch {
  readonly ids: Tensor
  readonly positions: Tensor
  readonly sources: Tensor
  readonly targets: Tensor
}

type State = { readonly gradients: Tensor }

/** The gradients of all adapters, overwritten in place, and the mean loss. */
export type StepProgram = Compiled<[State, Batch, flat: Tensor], [State, { loss: Tensor }]>

/** The adapter of the benchmark: rank 8 on all seven kinds of linear layers. */
export const stepAdapter = (model: LanguageModel): LoraAdapter =>
  lora({ rank, alpha: 4 * rank, targetModules: 'all-linear' }).create(model.modules, { seed: 1 })

/** Mean cross-entropy of the labelled positions under the adapter. */
const meanLoss = (
  model: LanguageModel,
  adapter: LoraAdapter,
  parameters: Record<string, Tensor>,
  batch: Batch,
  options: PassOptions,
): Tensor => {
  const network = adapter.apply(model.network(), parameters)
  const hidden = model.hiddenStates(network, batch, options)
  const rows = gather(reshape(hidden, [-1, hidden.shape[2]!]), batch.sources)
  const { weight, softcap } = model.outputHead(network)
  const { sum, weight: count } = cpt()(
    linearTokenScores(rows, { weight, ...(softcap !== undefined && { softcap }) }, batch.targets),
  )
  return div(sum, count)
}

/** Loss and gradients of every adapter, and the types of its arguments: any batch size, length and number of labels. */
export const stepFunction = (model: LanguageModel, adapter: LoraAdapter, options: PassOptions = {}) => {
  const flat = f32(adapter.layout.size)
  const batch = { ids: i32('B', 'T'), positions: i32('B', 'T'), sources: i32('N'), targets: i32('N') }
  const step = (_: State, given: Batch, values: Tensor): [State, { loss: Tensor }] => {
    const lossOf = (parameters: Record<string, Tensor>) => meanLoss(model, adapter, parameters, given, options)
    const [loss, gradients] = valueAndGrad(lossOf)(unflatten(values, adapter.layout))
    return [{ gradients: flattenBy(gradients, adapter.layout) }, { loss }]
  }
  return { step, inputs: [{ gradients: flat }, batch, flat] as const }
}

/** How the step is traced and loaded. */
export type ProgramOptions = PassOptions & LoadOptions

/** The mean loss alone, as one program: what evaluation runs. */
export const lossProgram = (model: LanguageModel, adapter: LoraAdapter): Compiled<[Batch, flat: Tensor], Tensor> => {
  const { inputs } = stepFunction(model, adapter)
  const loss = (batch: Batch, values: Tensor) => meanLoss(model, adapter, unflatten(values, adapter.layout), batch, {})
  return compile(loss, { runtime: model.runtime, name: 'loss', inputs: [inputs[1], inputs[2]] })
}

/** The step as one program, not loaded yet. */
export const stepProgram = (model: LanguageModel, adapter: LoraAdapter, options: ProgramOptions = {}): StepProgram => {
  const { prepack, ...pass } = options
  const { step, inputs } = stepFunction(model, adapter, pass)
  return compile(step, {
    runtime: model.runtime,
    name: 'lora-step',
    carry: true,
    inputs,
    ...(prepack !== undefined && { prepack }),
  })
}

/** A step that is loaded and has its arrays: what is timed. */
export interface LoadedStep extends AsyncDisposable {
  /** Runs the step once. Returns the loss. */
  run(): Promise<number>
}

/** The step of `shape` on `model`, with as many blocks of attention as `train` takes for rows of this length. */
export const loadedStep = async (
  shape: StepShape,
  model: LanguageModel,
  options: ProgramOptions = {},
): Promise<LoadedStep> => {
  const { runtime } = model
  const adapter = stepAdapter(model)
  const program = stepProgram(model, adapter, { attentionBlocks: attentionBlocksFor(shape.tokens), ...options })
  await program.prepare()
  const state = { gradients: await zeros(runtime, adapter.layout.size) }
  const values = await runtime.upload({ dtype: 'float32', shape: [adapter.layout.size], data: adapter.values })
  const batch = batchOf(shape)
  return {
    run: async () => {
      const [, { loss }] = await program(state, batch, values)
      return Number(loss.data[0])
    },
    [Symbol.asyncDispose]: () => program.dispose(),
  }
}

const zeros = (runtime: Runtime, size: number): Promise<Resident> =>
  runtime.upload({ dtype: 'float32', shape: [size], data: new Float32Array(size) })

/** The arrays of the shape's row. */
export const batchOf = (shape: StepShape): Record<keyof Batch, NdArray> => {
  const { ids, sources, targets } = rowOf(shape)
  const row = (data: Int32Array): NdArray => ({ dtype: 'int32', shape: [1, data.length], data })
  const list = (data: Int32Array): NdArray => ({ dtype: 'int32', shape: [data.length], data })
  return { ids: row(ids), positions: row(ids.map((_, i) => i)), sources: list(sources), targets: list(targets) }
}
