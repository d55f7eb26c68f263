import type { Shape } from '../dimension'
import { bytesPerElement, type DType } from '../dtype'
import { TensorError } from '../errors'
import type { ConstantSource } from '../tensor'
import { dataType, packedDataType } from './data-type'
import type { Graph, GraphNode } from './graph'
import type { AttributeValue } from './lowering'
import { microsoft } from './lowering'
import { ProtobufWriter } from './protobuf'

/** Version of the standard operators that programs are written in. */
export const opset = 21
const irVersion = 10

/**
 * `graph` in ONNX's file format. Constants that are ranges of files are written as references to those files;
 * everything else is inside.
 *
 * @param externalName name under which the model refers to a file (default: its path)
 * @throws TensorError `session` when what is inside exceeds the 2 GB that the format allows
 */
export const writeModel = (graph: Graph, externalName: (path: string) => string = (path) => path): Uint8Array => {
  requireFits(graph)
  const writer = new ProtobufWriter(1 << 16)
  writer.int(1, irVersion)
  writer.text(2, 'qilin-med')
  writer.message(7, () => writeGraph(writer, graph, externalName))
  for (const [domain, version] of [
    ['', opset],
    [microsoft, 1],
  ] as const)
    writer.message(8, () => {
      writer.text(1, domain)
      writer.int(2, version)
    })
  return writer.bytes()
}

/** Most bytes of a protobuf file. */
const largestModel = 2 ** 31 - 1

const requireFits = ({ name, initializers }: Graph): void => {
  const inside = [...initializers.values()].filter(({ location }) => !location)
  const bytes = inside.map(byteLengthOf).reduce((sum, length) => sum + length, 0)
  if (bytes > largestModel)
    throw new TensorError(
      'session',
      `writeModel: constants in memory of ${name} must fit in ${largestModel} bytes, got ${bytes}. Keep them in a file, or write the model with saveModel.`,
    )
}

const writeGraph = (writer: ProtobufWriter, graph: Graph, external: (path: string) => string): void => {
  graph.nodes.forEach((node, index) => {
    writer.message(1, () => writeNode(writer, node, index))
  })
  writer.text(2, graph.name)
  for (const [name, source] of graph.initializers)
    writer.message(5, () => writeInitializer(writer, name, source, external))
  for (const value of graph.inputs) writer.message(11, () => writeValue(writer, value))
  for (const value of graph.outputs) writer.message(12, () => writeValue(writer, value))
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  for (const [name, { dtype, shape }] of graph.values)
    if (!inputs.has(name) && !graph.initializers.has(name))
      writer.message(13, () => writeValue(writer, { name, dtype, shape }))
}

/** Name of the node at `index` of a graph, as ONNX Runtime knows it. */
export const nodeName = ({ type }: GraphNode, index: number): string => `${type}_${index}`

const writeNode = (writer: ProtobufWriter, node: GraphNode, index: number): void => {
  for (const name of node.inputs) writer.text(1, name)
  for (const name of node.outputs) writer.text(2, name)
  writer.text(3, nodeName(node, index))
  writer.text(4, node.type)
  for (const [name, value] of Object.entries(node.attributes))
    writer.message(5, () => writeAttribute(writer, name, value))
  if (node.domain) writer.text(7, node.domain)
}

const attributeType = { float: 1, int: 2, string: 3, ints: 7 } as const

const writeAttribute = (writer: ProtobufWriter, name: string, value: AttributeValue): void => {
  writer.text(1, name)
  if (typeof value === 'number') {
    writer.int(3, value)
    writer.int(20, attributeType.int)
  } else if (typeof value === 'string') {
    writer.text(4, value)
    writer.int(20, attributeType.string)
  } else if ('float' in value) {
    writer.float(2, value.float)
    writer.int(20, attributeType.float)
  } else {
    for (const item of value) writer.int(8, item)
    writer.int(20, attributeType.ints)
  }
}

const writeInitializer = (
  writer: ProtobufWriter,
  name: string,
  source: ConstantSource,
  external: (path: string) => string,
): void => {
  for (const length of source.shape) writer.int(1, length)
  writer.int(2, source.packing ? packedDataType[source.packing] : dataType[source.dtype])
  writer.text(8, name)
  if (source.location) writeLocation(writer, source.location, external)
  else writer.raw(9, bytesOf(source))
}

/** Bytes of a constant's elements. */
export const byteLengthOf = ({ dtype, shape, packing }: ConstantSource): number => {
  const bytes = shape.reduce((size, length) => size * length, bytesPerElement[dtype])
  return packing === 'uint4' ? Math.ceil(bytes / 2) : bytes
}

/** The elements of a constant as they are stored. */
export const bytesOf = (source: ConstantSource): Uint8Array => {
  const data = source.read()
  return new Uint8Array(data.buffer, data.byteOffset, data.length * bytesPerElement[source.dtype])
}

const externalLocation = 1

const writeLocation = (
  writer: ProtobufWriter,
  { path, offset, byteLength }: NonNullable<ConstantSource['location']>,
  external: (path: string) => string,
): void => {
  const entries = { location: external(path), offset: `${offset}`, length: `${byteLength}` }
  for (const [key, value] of Object.entries(entries))
    writer.message(13, () => {
      writer.text(1, key)
      writer.text(2, value)
    })
  writer.int(14, externalLocation)
}

const writeValue = (
  writer: ProtobufWriter,
  { name, dtype, shape }: { readonly name: string; readonly dtype: DType; readonly shape: Shape },
): void => {
  writer.text(1, name)
  writer.message(2, () =>
    writer.message(1, () => {
      writer.int(1, dataType[dtype])
      writer.message(2, () => {
        for (const dim of shape)
          writer.message(1, () => (typeof dim === 'number' ? writer.int(1, dim) : writer.text(2, dim.key)))
      })
    }),
  )
}
