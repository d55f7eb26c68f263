import { basename } from 'node:path'
import type { ConstantSource } from '../tensor'
import type { Graph } from './graph'
import { byteLengthOf } from './model'

/** One constant of the data file. */
export interface ExternalConstant {
  readonly source: ConstantSource
  readonly offset: number
  readonly byteLength: number
}

/** Offsets are multiples of a page, so that a runtime can map each constant. */
const page = 4096
/** Smaller constants (shapes, scalars) stay in the model, where graph optimisers look for them. */
const smallest = 1024

/**
 * `graph` with its large constants in one data file beside the model, and what that file holds, in order.
 *
 * @param name of the data file, as the model refers to it
 */
export const withExternalData = (
  graph: Graph,
  name: string,
): { readonly graph: Graph; readonly constants: readonly ExternalConstant[] } => {
  const constants: ExternalConstant[] = []
  let end = 0
  const moved = [...graph.initializers].map(([key, source]): [string, ConstantSource] => {
    const byteLength = byteLengthOf(source)
    if (byteLength < smallest) return [key, { ...source, location: undefined }]
    const offset = Math.ceil(end / page) * page
    end = offset + byteLength
    constants.push({ source, offset, byteLength })
    return [key, { ...source, location: { path: name, offset, byteLength } }]
  })
  return { graph: { ...graph, initializers: new Map(moved) }, constants }
}

/** Default name of the data file of a model: `model.onnx_data` beside `model.onnx`, where Transformers.js looks for it. */
export const dataFileOf = (path: string): string => `${basename(path)}_data`
