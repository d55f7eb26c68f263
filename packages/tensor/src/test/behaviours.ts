import { array, type NdArray } from '../array'
import { compile } from '../compile'
import { dimension } from '../dimension'
import { TensorError } from '../errors'
import { add, cos, exp, mul, neg, sin, sub } from '../ops/elementwise'
import { matmul } from '../ops/matmul'
import { dropout, normal, randomWords, uniform } from '../ops/random'
import { logSumExp, sum } from '../ops/reduce'
import { concat } from '../ops/slice'
import { logSoftmax, softmax } from '../ops/softmax'
import { foldIn, randomKey, threefry } from '../random/threefry'
import type { Runtime } from '../runtime'
import type { Held } from '../runtimes/ort-results'
import { referenceRuntime } from '../runtimes/reference'
import { f32, i64, type Tensor } from '../tensor'
import { numbers, requireClose, requireEqual } from './close'
import type { Check } from './contract'

const filled = (shape: readonly number[], value: number): NdArray =>
  array(new Float32Array(shape.reduce((size, length) => size * length, 1)).fill(value), { shape })

const named = (name: string, check: Check['check']): Check => ({ name, check })

const namedDimensions = named('one program serves every size of its named dimensions, 0 included', async (runtime) => {
  let traces = 0
  const fn = (x: Tensor, y: Tensor) => {
    traces++
    return concat([x, matmul(x, y)], 1)
  }
  const run = compile(fn, { runtime, inputs: [f32('B', 2), f32(2, 'T')] })
  for (const [rows, columns] of [
    [1, 1],
    [3, 2],
    [0, 4],
    [2, 0],
  ] as const) {
    const { shape, data } = await run(filled([rows, 2], 1), filled([2, columns], 3))
    const row = [1, 1, ...new Array<number>(columns).fill(6)]
    requireEqual(shape, [rows, 2 + columns], 'shape')
    requireEqual(numbers(data), new Array(rows).fill(row).flat(), 'elements')
  }
  requireEqual(traces, 1, 'traces')
})

const inPlace = named('carried state is updated in place, and the caller keeps its own arrays', async (runtime) => {
  const update = (w: Tensor, rate: Tensor): [Tensor, Tensor] => [sub(w, mul(w, rate)), sum(w)]
  const step = compile(update, { runtime, inputs: [f32(2), f32()], carry: true })
  const mine = array([8, 16])
  const w = await runtime.upload(mine)
  for (const expected of [24, 12, 6]) requireEqual(numbers((await step(w, 0.5))[1].data), [expected], 'sum')
  const first = await runtime.download(w)
  requireEqual(numbers(first.data), [1, 2], 'state')
  requireEqual(numbers(mine.data), [8, 16], 'array that was uploaded')
  await step(w, 0.5)
  requireEqual(numbers(first.data), [1, 2], 'array that was downloaded')
  await runtime.write(w, array([5, 7]))
  requireEqual(numbers((await step(w, 0))[1].data), [12], 'sum after write')
})

const swapped = named('carried state that cannot be overwritten goes through a second buffer', async (runtime) => {
  type State = { a: Tensor; b: Tensor; m: Tensor }
  const fn = ({ a, b, m }: State): [State] => [{ a: b, b: sub(a, mul(a, 0.5)), m: matmul(m, m) }]
  const run = compile(fn, { runtime, inputs: [{ a: f32(2), b: f32(2), m: f32(2, 2) }], carry: true })
  const upload = async (values: Parameters<typeof array>[0]) => runtime.upload(array(values))
  const matrix = [
    [1, 1],
    [0, 1],
  ]
  const [a, b, m] = [await upload([1, 2]), await upload([10, 20]), await upload(matrix)]
  for (let i = 0; i < 3; i++) await run({ a, b, m })
  requireEqual(numbers((await runtime.download(a)).data), [5, 10], 'a')
  requireEqual(numbers((await runtime.download(b)).data), [0.25, 0.5], 'b')
  requireEqual(numbers((await runtime.download(m)).data), [1, 8, 0, 1], 'm')
})

const outliving = named('state outlives the program that last wrote it', async (runtime) => {
  const double = () =>
    compile((w: Tensor): [Tensor] => [mul(w, 2)], { runtime, inputs: [f32('N')], carry: true, name: 'double' })
  const w = await runtime.upload(array([1, 3]))
  for (const expected of [2, 4, 8]) {
    const step = double()
    await step(w)
    await step.dispose()
    requireEqual(numbers((await runtime.download(w)).data), [expected, 3 * expected], 'state')
  }
})

const onGpu = named('carried state stays on the GPU between calls, where there is one', async (runtime) => {
  if (!/^(node|web)-webgpu$/.test(runtime.name)) return
  const w = await runtime.upload(array([1, 2]))
  const place = () => (w as Held).cell.tensor.location
  requireEqual(place(), 'gpu-buffer', 'place of an array that was uploaded')
  const step = compile((x: Tensor): [Tensor, Tensor] => [neg(x), sum(x)], { runtime, inputs: [f32(2)], carry: true })
  await step(w)
  requireEqual(place(), 'gpu-buffer', 'place after a call')
  await step.dispose()
  requireEqual(place(), 'gpu-buffer', 'place after the program is gone')
  requireEqual(numbers((await runtime.download(w)).data), [-1, -2], 'elements')
})

const unawaited = named('calls that nobody waited for run in their order', async (runtime) => {
  const double = (w: Tensor, by: Tensor): [Tensor, Tensor] => [add(mul(w, 2), by), sum(w)]
  const step = compile(double, { runtime, inputs: [f32(1), f32()], carry: true })
  const w = await runtime.upload(array([1]))
  const calls = await Promise.all(Array.from({ length: 20 }, (_, i) => step(w, i)))
  const expected: number[] = [1]
  for (let i = 0; i < 20; i++) expected.push(2 * expected[i]! + i)
  requireEqual(
    calls.map(([, before]) => Number(before.data[0])),
    expected.slice(0, 20),
    'state before each call',
  )
  requireEqual(numbers((await runtime.download(w)).data), expected.slice(20), 'state')
})

const key = foldIn(randomKey(42), 7)
const draws = (fn: (key: Tensor, x: Tensor) => Tensor, runtime: Runtime, rows: number) =>
  compile(fn, { runtime, inputs: [i64(2), f32('B', 6)] })(array([...key], { dtype: 'int64' }), filled([rows, 6], 1))
const onReference = (fn: (key: Tensor, x: Tensor) => Tensor, rows: number) => draws(fn, referenceRuntime(), rows)
const block = [dimension('B'), 3]

const words = named('random words equal Threefry for every number of rows', async (runtime) => {
  for (const rows of [0, 1, 5]) {
    const { data } = await draws((k) => randomWords(k, block)[1], runtime, rows)
    const expected = Array.from({ length: rows * 3 }, (_, i) => threefry(key, i, 0)[1])
    requireEqual(numbers(data), expected, `${rows} rows`)
  }
})

const numbersDrawn = named(
  'uniform numbers and dropout masks equal the reference, normal ones nearly',
  async (runtime) => {
    const even = (k: Tensor) => uniform(k, block)
    const drop = (k: Tensor, x: Tensor) => dropout(x, 0.25, k)
    const bell = (k: Tensor) => normal(k, block)
    requireEqual(numbers((await draws(even, runtime, 40)).data), numbers((await onReference(even, 40)).data), 'uniform')
    const mask = async (run: Promise<NdArray>) => numbers((await run).data).map((value) => value !== 0)
    requireEqual(await mask(draws(drop, runtime, 40)), await mask(onReference(drop, 40)), 'mask')
    requireClose(await draws(bell, runtime, 40), (await onReference(bell, 40)).data, 1e-5, 'normal')
  },
)

const angles = named('sine and cosine of large angles are right to float32', async (runtime) => {
  const x = Float32Array.from({ length: 200 }, (_, i) => (i - 100) * 41.7)
  const run = compile((a: Tensor) => [sin(a), cos(a)], { runtime, inputs: [f32(200)] })
  const [sines, cosines] = await run(array(x))
  requireClose(sines!, Array.from(x, Math.sin), 1e-6, 'sin')
  requireClose(cosines!, Array.from(x, Math.cos), 1e-6, 'cos')
})

const overflow = named('softmax, its logarithm and logSumExp of large numbers do not overflow', async (runtime) => {
  const run = compile((a: Tensor) => [softmax(a), logSoftmax(a), logSumExp(a)], { runtime, inputs: [f32(3)] })
  const [shares, logs, total] = await run(array([1000, 1000, -1000]))
  requireClose(shares!, [0.5, 0.5, 0], 1e-6, 'softmax')
  requireClose(logs!, [-Math.LN2, -Math.LN2, -2000 - Math.LN2], 1e-6, 'logSoftmax')
  requireClose(total!, [1000 + Math.LN2], 1e-6, 'logSumExp')
})

/** Code of the TensorError that `fn` rejects with. */
const codeOf = async (fn: () => Promise<unknown>): Promise<string> => {
  try {
    await fn()
  } catch (error) {
    return error instanceof TensorError ? error.code : `${error}`
  }
  return 'no error'
}

const mistakes = named('wrong arguments are refused, and the next call runs', async (runtime) => {
  const run = compile((x: Tensor) => exp(x), { runtime, inputs: [f32('B', 2)] })
  requireEqual(await codeOf(() => run(array([1, 2]))), 'shape', 'rank')
  requireEqual(await codeOf(() => run(array([[1, 2]], { dtype: 'int32' }))), 'dtype', 'dtype')
  requireEqual(numbers((await run(array([[0, 0]]))).data), [1, 1], 'next call')
})

const finite = named('checkFinite names the first op whose result is not finite, with its line', async (runtime) => {
  const fn = (x: Tensor) => sum(mul(exp(mul(x, 100)), 0)) // log(0) is any number on a GPU
  const run = compile(fn, { runtime, inputs: [f32('N')], checkFinite: true, name: 'step' })
  requireEqual(numbers((await run(array([0, 0.5]))).data), [0], 'finite call')
  const error = await run(array([0, 1, 1])).catch((reason: unknown) => reason)
  if (!(error instanceof TensorError)) throw new Error(`expected an error, got ${JSON.stringify(error)}`)
  requireEqual([error.code, error.op, error.shapes], ['non-finite', 'exp', ['[N]']], 'fields')
  requireEqual(/got 2 elements of exp float32\[N\]/.test(error.message), true, error.message)
  const argument = await codeOf(() => run(array([Number.NaN])))
  requireEqual(argument, 'non-finite', 'argument')
})

const cancelled = named('an aborted signal cancels the calls that have not begun, and no other', async (runtime) => {
  const update = (w: Tensor): [Tensor] => [add(w, 1)]
  const step = compile(update, { runtime, inputs: [f32(1)], carry: true })
  const w = await runtime.upload(array([0]))
  const control = new AbortController()
  const abortable = step.with({ signal: control.signal })
  await abortable(w)
  const calls = [codeOf(() => step(w)), ...Array.from({ length: 8 }, () => codeOf(() => abortable(w)))]
  control.abort()
  const codes = await Promise.all(calls)
  const begun = codes.filter((code) => code === 'no error').length
  requireEqual(codes.slice(begun), new Array(9 - begun).fill('cancelled'), 'calls after those that had begun')
  requireEqual(codes.at(-1), 'cancelled', 'last call')
  requireEqual(await codeOf(() => abortable(w)), 'cancelled', 'later call')
  await step(w)
  requireEqual(numbers((await runtime.download(w)).data), [2 + begun], 'state')
})

const disposedPrograms = named('a disposed program throws, its runtime goes on', async (runtime) => {
  const run = compile((x: Tensor) => exp(x), { runtime, inputs: [f32(1)] })
  const other = compile((x: Tensor) => exp(x), { runtime, inputs: [f32(1)] })
  const last = run(array([0]))
  await run.dispose()
  requireEqual(numbers((await last).data), [1], 'call before')
  requireEqual(await codeOf(() => run(array([0]))), 'disposed', 'call after')
  requireEqual(numbers((await other(array([0]))).data), [1], 'other program')
})

const foreignState = named('resident arrays of another runtime, or of another shape, are refused', async (runtime) => {
  const foreign = await referenceRuntime().upload(array([1]))
  const step = compile((w: Tensor): [Tensor] => [add(w, 1)], { runtime, inputs: [f32(1)], carry: true })
  requireEqual(await codeOf(() => step(foreign)), 'argument', 'run')
  requireEqual(await codeOf(() => runtime.download(foreign)), 'argument', 'download')
  const mine = await runtime.upload(array([1]))
  requireEqual(await codeOf(() => runtime.write(mine, array([1, 2]))), 'argument', 'write')
})

/** Ends the runtime it is given; kept apart from the others. */
export const ending: Check = named(
  'a disposed runtime ends what runs, refuses the rest, and can be disposed again',
  async (runtime) => {
    const step = compile((w: Tensor): [Tensor] => [add(w, 1)], { runtime, inputs: [f32(1)], carry: true })
    const w = await runtime.upload(array([0]))
    await step(w)
    const calls = Array.from({ length: 8 }, () => codeOf(() => step(w)))
    await Promise.resolve()
    const [first, second] = [runtime.dispose(), runtime.dispose()]
    const codes = await Promise.all(calls)
    requireEqual(codes.at(-1), 'disposed', 'waiting call')
    await Promise.all([first, second])
    const kept = compile((x: Tensor) => exp(x), { runtime, inputs: [f32(1)] })
    requireEqual(await codeOf(() => step(w)), 'disposed', 'loaded program')
    requireEqual(await codeOf(() => kept(array([0]))), 'disposed', 'new program')
    requireEqual(await codeOf(() => runtime.upload(array([1]))), 'disposed', 'upload')
    requireEqual(await codeOf(() => runtime.download(w)), 'disposed', 'download')
    requireEqual(await codeOf(() => runtime.write(w, array([1]))), 'disposed', 'write')
    await Promise.all([step.dispose(), kept.dispose(), runtime.dispose()])
  },
)

/** What every runtime does besides computing ops right. */
export const behaviours: readonly Check[] = [
  namedDimensions,
  inPlace,
  swapped,
  outliving,
  onGpu,
  unawaited,
  words,
  numbersDrawn,
  angles,
  overflow,
  mistakes,
  finite,
  cancelled,
  disposedPrograms,
  foreignState,
]
