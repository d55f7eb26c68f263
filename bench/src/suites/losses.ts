import { cpus } from 'node:os'
import { linearTokenScores } from '@qilin-med/losses'
import {
  compile,
  constant,
  grad,
  mean,
  type NdArray,
  neg,
  type Runtime,
  type Tensor,
  type TensorType,
} from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { forgetPeak, kilobytes } from './memory/process'

/** Cross-entropy of the output layer, value and gradient, in the widths of small models; float32 on all cores. */
export const suite: Suite = { name: 'losses', cases }

interface Size {
  readonly tokens: number
  readonly width: number
  readonly words: number
}

/** One micro-batch of labelled tokens at a quarter of Gemma's vocabulary, and one at a Llama's. */
const sizes: readonly Size[] = [
  { tokens: 1024, width: 640, words: 65_536 },
  { tokens: 2048, width: 896, words: 32_000 },
]

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const threads = cpus().length
  const peer = await options.startPeer('losses', [String(threads)])
  const against = (
    { tokens, width, words }: Size,
    what: Pick<BenchCase, 'name' | 'unit' | 'higherIsBetter' | 'ours'> & { measure: string; trained: boolean },
  ): BenchCase => ({
    name: `${what.name} N${tokens} D${width} V${words} float32 vs torch`,
    unit: what.unit,
    higherIsBetter: what.higherIsBetter,
    peerName: 'torch cross_entropy',
    ours: what.ours,
    ...(peer && {
      peer: () => peer.measure(what.measure, { tokens, width, words, trained: what.trained }),
      versions: peer.versions,
    }),
  })
  return sizes.flatMap((size) => {
    const speed = (name: string, trained: boolean): BenchCase => {
      const kept = once(async () => options.own(await prepared(size, trained, threads)))
      const ours = async () => perSecond(size.tokens, (await kept()).step)
      return against(size, { name, trained, measure: 'speed', unit: 'tokens/s', higherIsBetter: true, ours })
    }
    const memory = { name: 'head frozen memory', measure: 'memory', unit: 'MB', higherIsBetter: false, trained: false }
    return [
      speed('head frozen', false),
      speed('head trained', true),
      against(size, { ...memory, ours: () => peakMegabytes(size, threads) }),
    ]
  })
}

interface Prepared extends AsyncDisposable {
  /** One gradient of the mean cross-entropy. */
  step(): Promise<unknown>
}

/** A loaded program that has not run yet, with its arguments. */
const prepared = async ({ tokens, width, words }: Size, trained: boolean, threads: number): Promise<Prepared> => {
  const runtime = await nodeRuntime({ threads })
  const hidden = noise([tokens, width], 1)
  const weight = noise([words, width], 1 / Math.sqrt(width))
  const targets: NdArray = {
    dtype: 'int32',
    shape: [tokens],
    data: Int32Array.from({ length: tokens }, (_, i) => (i * 7919) % words),
  }
  const step = trained
    ? await trainedHead(runtime, hidden, weight, targets)
    : await frozenHead(runtime, hidden, weight, targets)
  return { step, [Symbol.asyncDispose]: () => runtime.dispose() }
}

const lossOf = (hidden: Tensor, weight: Tensor, targets: Tensor): Tensor =>
  neg(mean(linearTokenScores(hidden, { weight }, targets).logProbs))

type Step = () => Promise<unknown>

const trainedHead = async (runtime: Runtime, hidden: NdArray, weight: NdArray, targets: NdArray): Promise<Step> => {
  type Trained = { readonly hidden: Tensor; readonly weight: Tensor }
  const loss = (y: Tensor) => (p: Trained) => lossOf(p.hidden, p.weight, y)
  const inputs = [{ hidden: typeOf(hidden), weight: typeOf(weight) }, typeOf(targets)]
  const program = compile((p: Trained, y: Tensor) => grad(loss(y))(p), { runtime, inputs })
  await program.prepare()
  return () => program({ hidden, weight }, targets)
}

const frozenHead = async (runtime: Runtime, hidden: NdArray, weight: NdArray, targets: NdArray): Promise<Step> => {
  const head = constant(weight)
  const step = (x: Tensor, y: Tensor) => grad((h: Tensor) => lossOf(h, head, y))(x)
  const program = compile(step, { runtime, inputs: [typeOf(hidden), typeOf(targets)] })
  await program.prepare()
  return () => program(hidden, targets)
}

const typeOf = ({ dtype, shape }: NdArray): TensorType => ({ dtype, shape })

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

const perSecond = async (tokens: number, step: Step): Promise<number> => {
  const start = performance.now()
  await step()
  return (tokens * 1000) / (performance.now() - start)
}

/** Memory that a first step needs beyond weights and program. Linux only. */
const peakMegabytes = async (size: Size, threads: number): Promise<number> => {
  await using program = await prepared(size, false, threads)
  await forgetPeak()
  const before = await kilobytes('VmRSS')
  await program.step()
  return ((await kilobytes('VmHWM')) - before) / 1000
}

/** Reproducible numbers that look random, uniform in [−scale, scale). */
const noise = (shape: readonly number[], scale: number): NdArray => {
  const data = new Float32Array(shape.reduce((size, length) => size * length, 1))
  let state = 1
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    data[i] = (state / 2 ** 31 - 1) * scale
  }
  return { dtype: 'float32', shape, data }
}
