import { join } from 'node:path'
import { adapterFrom, deltaWeight, lora } from '@qilin-med/lora'
import type { Module } from '@qilin-med/models'
import type { Case, Outcome } from '../../kind'
import { largest, relative, worstOf } from '../models/compare'
import { type Golden, type Numbers, openGolden } from '../models/golden'

const path = 'lora/pissa'

/** Float32 decompositions differ by some 1e-6; vectors whose singular values lie close together by more. */
const tolerance = 3e-5

interface Started {
  readonly r: number
  readonly scaling: number
}

type Json = Readonly<Record<string, Started | number | string>>

/** Principal singular vectors as a start (PiSSA): the principal part, what is left of the weight, the singular values, A and B. */
export const pissaCases = async (golden: string): Promise<Case[]> => {
  const theirs = await openGolden<Json>(join(golden, path))
  if (!theirs) return []
  return Object.entries(theirs.json).flatMap(([name, started]) =>
    typeof started === 'object' ? [{ path, name, run: () => compare(theirs, name, started) }] : [],
  )
}

const compare = (theirs: Golden<Json>, name: string, { r, scaling }: Started): Outcome => {
  const get = (what: string) => theirs.get(`${name}.${what}`)
  const weight = get('weight')
  const [out, inFeatures] = [get('B').shape[0]!, get('A').shape[1]!]
  const kind = name.startsWith('gpt2') ? 'conv1d' : 'linear'
  const module: Module = { path: name, kind, inFeatures, outFeatures: out, bias: false }
  const options = { rank: r, alpha: r * scaling, targetModules: [name] }
  const started = lora({ ...options, init: 'pissa' }).create([module], { seed: 1, weight: () => weight.data })
  const principal = deltaWeight(adapterFrom(lora(options).config, [module], started.values), name)!
  const [a, b] = started.layout.entries.map(({ shape, offset, size }) => ({
    shape,
    data: started.values.subarray(offset, offset + size),
  }))
  return worstOf(
    [
      ['delta', largest({ shape: weight.shape, data: principal }, get('delta'))],
      ['residual', largest({ shape: weight.shape, data: minus(weight.data, principal) }, get('residual'))],
      ['change before training', Math.max(...deltaWeight(started, name)!.map(Math.abs))],
      ...singularValues(a!, b!, scaling).map(
        (value, k) => [`singular value ${k}`, relative(value, get('singular_values').data[k]!)] as const,
      ),
      ['A', largest(a!, signed(get('A'), a!, 0))],
      ['B', largest(b!, signed(get('B'), b!, 1))],
    ],
    tolerance,
  )
}

const minus = (a: Float32Array, b: Float32Array): Float32Array => a.map((value, i) => value - b[i]!)

/** Places of vector k of A [rank, in] (axis 0) or B [out, rank] (axis 1). */
const places = ([rows, columns]: readonly number[], axis: 0 | 1, k: number): number[] =>
  axis === 0
    ? Array.from({ length: columns! }, (_, i) => k * columns! + i)
    : Array.from({ length: rows! }, (_, o) => o * columns! + k)

/** scaling · |A_k| · |B_k|, as both carry the root of their singular value. */
const singularValues = (a: Numbers, b: Numbers, scaling: number): number[] => {
  const norm = ({ shape, data }: Numbers, axis: 0 | 1, k: number) =>
    Math.hypot(...places(shape, axis, k).map((at) => data[at]!))
  return Array.from({ length: a.shape[0]! }, (_, k) => scaling * norm(a, 0, k) * norm(b, 1, k))
}

/** Their vectors with the signs of ours. */
const signed = ({ shape, data }: Numbers, ours: Numbers, axis: 0 | 1): Numbers => {
  const turned = data.slice()
  for (let k = 0; k < shape[axis]!; k++) {
    const vector = places(shape, axis, k)
    if (vector.reduce((sum, at) => sum + data[at]! * ours.data[at]!, 0) < 0) for (const at of vector) turned[at]! *= -1
  }
  return { shape, data: turned }
}
