import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { array, compile, f32, flatLayout, type Runtime, type Tensor } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { readSafetensors, readTensor } from '@qilin-med/tensor/safetensors'
import { adafactor, adam, adamw, clipByGlobalNorm, lion, type Optimizer, sgd } from '@qilin-med/train'
import type { Case, Kind, Outcome } from '../kind'

/** Optimisers: a matrix and a vector after every step with given gradients; clipping by the global norm. */
export const kind: Kind = { prefix: 'optimisers', discover: ({ golden }) => discover(golden) }

/** Float32 in both; elements below a hundredth of the largest one are compared against that hundredth. */
const tolerance = 1e-5
const path = 'optimisers/optimisers'

interface Options {
  readonly library?: string
  readonly lr?: number
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly weight_decay?: number
  readonly momentum?: number
  readonly nesterov?: boolean
  readonly warmup_init?: boolean
  readonly scale_parameter?: boolean
  readonly relative_step?: boolean
  readonly beta1?: number
}

interface Optimisers {
  readonly cases: Readonly<Record<string, Options>>
  readonly clip: { readonly max_norm: number; readonly total_norm: number }
}

interface Array32 {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

type Read = (name: string) => Promise<Array32>

const discover = (golden: string): Case[] => {
  const file = join(golden, `${path}.json`)
  if (!existsSync(file)) return []
  const { cases, clip } = JSON.parse(readFileSync(file, 'utf8')) as Optimisers
  const read: Read = async (name) =>
    (await readTensor(await readSafetensors(join(golden, `${path}.safetensors`)), name)) as Array32
  return [
    ...Object.entries(cases).map(([name, options]) => ({ path, name, run: () => compareCase(name, options, read) })),
    { path, name: 'clip', run: () => compareClip(clip, read) },
  ]
}

const optimizerOf = (name: string, options: Options): Optimizer | undefined => {
  const { lr, betas, eps, weight_decay: weightDecay, momentum, nesterov } = options
  const shared = {
    ...(weightDecay !== undefined && { weightDecay }),
    ...(betas && { betas }),
    ...(eps !== undefined && { epsilon: eps }),
    learningRate: lr ?? 0,
    decays: () => true,
  }
  const [family] = name.split('_')
  if (family === 'adamw') return adamw({ ...shared, amsgrad: options.library?.includes('amsgrad') ?? false })
  if (family === 'adam') return adam(shared)
  if (family === 'lion') return lion(shared)
  if (family === 'sgd') return sgd({ ...shared, momentum: momentum ?? 0, nesterov: nesterov ?? false })
  if (family !== 'adafactor') return undefined
  return adafactor({
    ...(lr !== undefined && { learningRate: lr }),
    ...(weightDecay !== undefined && { weightDecay }),
    ...(options.beta1 !== undefined && { beta1: options.beta1 }),
    ...(options.warmup_init !== undefined && { warmupInit: options.warmup_init }),
    ...(options.scale_parameter !== undefined && { scaleParameter: options.scale_parameter }),
    ...(options.relative_step !== undefined && { relativeStep: options.relative_step }),
    decays: () => true,
  })
}

const compareCase = async (name: string, options: Options, read: Read): Promise<Outcome> => {
  const optimizer = optimizerOf(name, options)
  if (!optimizer) return { skipped: `no optimiser of this name: ${name}` }
  await using runtime = await nodeRuntime()
  const [matrix, vector] = [await read('matrix'), await read('vector')]
  const [matrixGradients, vectorGradients] = [await read('grad_matrix'), await read('grad_vector')]
  const [matrices, vectors] = [await read(`${name}.matrix`), await read(`${name}.vector`)]
  const layout = flatLayout([
    { name: 'matrix', shape: matrix.shape },
    { name: 'vector', shape: vector.shape },
  ])
  const step = stepper(runtime, optimizer, layout)
  const state = await uploadAll(runtime, { parameters: joined(matrix.data, vector.data), ...optimizer.init(layout) })
  const steps = matrices.shape[0]!
  let difference = 0
  for (let s = 0; s < steps; s++) {
    const gradients = joined(row(matrixGradients, s), row(vectorGradients, s))
    await step(state, gradients, optimizer.scalars(s, optimizer.learningRate(s, steps)))
    const now = (await runtime.download(state.parameters!)).data as Float32Array
    difference = Math.max(difference, relative(now, joined(row(matrices, s), row(vectors, s))))
  }
  return { difference, tolerance, detail: `${steps} steps` }
}

const stepper = (runtime: Runtime, optimizer: Optimizer, layout: ReturnType<typeof flatLayout>) => {
  const slots = optimizer.init(layout)
  const flat = f32(layout.size)
  return compile(
    (held: Record<string, Tensor>, gradients: Tensor, scalars: Record<string, Tensor>) => {
      const { parameters, ...state } = held
      const next = optimizer.update({ parameters: parameters!, gradients, state, scalars }, layout)
      return [{ parameters: next.parameters, ...next.state }]
    },
    {
      runtime,
      carry: true,
      inputs: [
        { parameters: flat, ...mapValues(slots, ({ length }) => f32(length)) },
        flat,
        mapValues(optimizer.scalars(0, 0), () => f32()),
      ],
    },
  )
}

const compareClip = async ({ max_norm, total_norm }: Optimisers['clip'], read: Read): Promise<Outcome> => {
  await using runtime = await nodeRuntime()
  const gradients = joined(row(await read('grad_matrix'), 0), row(await read('grad_vector'), 0))
  const clip = compile((g: Tensor) => clipByGlobalNorm(g, max_norm), { runtime, inputs: [f32(gradients.length)] })
  const [clipped, norm] = await clip(gradients)
  const expected = joined((await read('clip.matrix')).data, (await read('clip.vector')).data)
  const values = relative(clipped.data as Float32Array, expected)
  const total = Math.abs((norm.data[0] as number) - total_norm) / total_norm
  return { difference: Math.max(values, total), tolerance }
}

const uploadAll = async (runtime: Runtime, arrays: Readonly<Record<string, Float32Array>>) =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(arrays).map(async ([name, data]) => [name, await runtime.upload(array(data))] as const),
    ),
  )

const row = ({ shape, data }: Array32, index: number): Float32Array => {
  const size = shape.slice(1).reduce((product, length) => product * length, 1)
  return data.subarray(index * size, (index + 1) * size)
}

const joined = (a: Float32Array, b: Float32Array): Float32Array => {
  const both = new Float32Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

const relative = (ours: Float32Array, expected: Float32Array): number => {
  const floor = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / 100
  return ours.reduce((worst, value, i) => {
    const difference = Math.abs(value - expected[i]!) / Math.max(Math.abs(expected[i]!), floor)
    return Number.isNaN(difference) ? Number.NaN : Math.max(worst, difference)
  }, 0)
}

const mapValues = <V, R>(record: Readonly<Record<string, V>>, map: (value: V) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
