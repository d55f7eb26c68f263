import { join } from 'node:path'
import {
  type ConstantSource,
  compile,
  constant,
  dequantize,
  matmul,
  type QuantizedWeight,
  type QuantizeOptions,
  quantize,
  quantizeInt8,
  type Runtime,
  referenceRuntime,
  type Tensor,
} from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import type { Case, Kind, Outcome } from '../kind'
import { relative, worstOf } from './models/compare'
import { type Golden, type Numbers, openGolden } from './models/golden'

/** Quantised weights: codes and packed bytes exact, everything else to float32; then products on ONNX Runtime's kernels. */
export const kind: Kind = { prefix: 'quantisation', discover: ({ golden }) => discover(golden) }

const path = 'quantisation/quantisation'
const tolerance = 1e-6

interface Scheme {
  readonly block?: number
  readonly not_produced?: string
  readonly max_abs_error?: number
  readonly rms_error?: number
  readonly relative_frobenius?: number
}

interface Quantisation {
  readonly shape: readonly [outputs: number, inputs: number]
  readonly cases: Readonly<Record<string, Scheme>>
}

type Files = Golden<Quantisation>

const discover = async (golden: string): Promise<Case[]> => {
  const files = await openGolden<Quantisation>(join(golden, path))
  return Object.entries(files?.json.cases ?? {}).flatMap(([name, scheme]) => [
    { path, name, run: () => unlessAbsent(scheme, () => compareWeight(files!, name, scheme)) },
    { path, name: `${name} product`, run: () => unlessAbsent(scheme, () => compareKernel(files!, name, scheme)) },
  ])
}

const unlessAbsent = async ({ not_produced: reason }: Scheme, run: () => Promise<Outcome>): Promise<Outcome> =>
  reason === undefined ? run() : { skipped: `the files have no values: ${reason}` }

const optionsOf = (name: string, { block }: Scheme): QuantizeOptions => {
  const given = block !== undefined && { block }
  if (name.startsWith('int8')) return { scheme: 'int8' }
  if (name.startsWith('int4_absmax')) return { scheme: 'int4', scales: 'absmax', ...given }
  if (name.startsWith('int4')) return { scheme: 'int4', scales: 'signed', ...given }
  if (name.startsWith('nf4')) return { scheme: 'nf4', ...given }
  throw new Error(`expected a scheme named int8, int4 or nf4, got ${name}`)
}

const weightOf = (files: Files, name: string, scheme: Scheme): QuantizedWeight => {
  const { shape, data } = files.get('weight')
  return quantize({ dtype: 'float32', shape, data }, optionsOf(name, scheme))
}

const compareWeight = async (files: Files, name: string, scheme: Scheme): Promise<Outcome> => {
  const weight = weightOf(files, name, scheme)
  const wide = dequantize(weight)
  const expected = (part: string) => files.get(`${name}.${part}`).data
  const differences: [string, number][] = [
    ['codes', unequal(codesOf(files, weight), expected('codes'))],
    ['scales', furthest(elements(weight.scales), expected('scales'))],
    ['dequantised', furthest(wide, expected('dequantised'))],
    ['product', furthest(await productOf(referenceRuntime(), files, weight), expected('product'))],
    ...errorDifferences(wide, files.get('weight').data, scheme),
  ]
  if (weight.scheme !== 'int8' && files.has(`${name}.packed.u8`))
    differences.push(['packed', unequal(elements(weight.packed), expected('packed.u8'))])
  return worstOf(differences, tolerance)
}

/** Codes in the order and sign of the files: [out, in], 4-bit ones around 0, those of levels from 0. */
const codesOf = (files: Files, weight: QuantizedWeight): ArrayLike<number> => {
  if (weight.scheme === 'int8') return quantizeInt8(files.get('weight').data, weight.outputs).codes
  const { outputs, inputs } = weight
  const packed = elements(weight.packed)
  const [first, second] = weight.scheme === 'int4' ? [0, 4] : [4, 0]
  const zero = weight.scheme === 'int4' ? 8 : 0
  const row = weight.scheme === 'int4' ? Math.ceil(inputs / weight.block) * weight.block : inputs
  return Array.from({ length: outputs * inputs }, (_, k) => {
    const at = Math.floor(k / inputs) * row + (k % inputs)
    return ((packed[at >> 1]! >> (at % 2 ? second : first)) & 15) - zero
  })
}

const elements = (source: ConstantSource): ArrayLike<number> => source.read() as Float32Array

/** How many elements differ at all. */
const unequal = (ours: ArrayLike<number>, theirs: Float32Array): number =>
  sameLength(ours, theirs).reduce((count, value, i) => count + Number(ours[i] !== value), 0)

/** Largest relative difference. */
const furthest = (ours: ArrayLike<number>, theirs: Float32Array): number =>
  sameLength(ours, theirs).reduce((most, value, i) => Math.max(most, relative(ours[i]!, value)), 0)

const sameLength = (ours: ArrayLike<number>, theirs: Float32Array): Float32Array => {
  if (ours.length === theirs.length) return theirs
  throw new Error(`expected ${theirs.length} elements, got ${ours.length}`)
}

/** Errors of the rounding as the files state them. */
const errorDifferences = (wide: Float32Array, weight: Float32Array, scheme: Scheme): [string, number][] => {
  const square = (values: Float32Array) => values.reduce((sum, value) => sum + value ** 2, 0)
  const error = weight.map((value, i) => value - wide[i]!)
  const found = {
    max_abs_error: error.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    rms_error: Math.sqrt(square(error) / error.length),
    relative_frobenius: Math.sqrt(square(error) / square(weight)),
  }
  return Object.entries(found).flatMap(([key, value]): [string, number][] => {
    const stated = scheme[key as keyof typeof found]
    return stated === undefined ? [] : [[key, relative(value, stated)]]
  })
}

const productOf = async (runtime: Runtime, files: Files, weight: QuantizedWeight): Promise<Float32Array> => {
  const { shape, data } = files.get('x')
  const run = compile((x: Tensor) => matmul(x, constant(weight), { transposeB: true }), { runtime })
  return (await run({ dtype: 'float32', shape, data })).data as Float32Array
}

/** The product on ONNX Runtime, relative to the largest element. */
const compareKernel = async (files: Files, name: string, scheme: Scheme): Promise<Outcome> => {
  await using runtime = await nodeRuntime()
  const weight = weightOf(files, name, scheme)
  const expected = files.get(`${name}.product`)
  const found = await productOf(runtime, files, weight)
  const difference = expected.data.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0)
  const scale = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const bound = weight.scheme === 'int8' ? operandRounding(files.get('x'), weight) : 1e-5 * scale
  return { difference: difference / scale, tolerance: bound / scale }
}

/** Most that a product can change when its operand is rounded to 8 bits row by row: half a step times Σ|w|. */
const operandRounding = ({ shape: [rows], data }: Numbers, weight: QuantizedWeight): number => {
  const { outputs, inputs } = weight
  const wide = dequantize(weight)
  const rowsOf = (values: Float32Array, count: number, width: number) =>
    Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width))
  const steps = rowsOf(data, rows!, inputs).map((row) => Math.max(...row.map(Math.abs)) / 127)
  const sums = rowsOf(wide, outputs, inputs).map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0))
  return (Math.max(...steps) / 2) * Math.max(...sums) * (1 + 1e-5)
}
