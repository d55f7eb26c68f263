import type { Dim, Shape } from '../dimension'
import type { DType, TypedArray } from '../dtype'
import type { ConstantSource } from '../tensor'

/** Value of an ONNX attribute: number (int when integral, unless wrapped), float, string, or list of ints. */
export type AttributeValue = number | string | readonly number[] | { readonly float: number }

/** Where the graph will run; some fused kernels exist only on some providers. */
export type Target = 'cpu' | 'wasm' | 'webgpu'

/** Domain of ONNX Runtime's own operators. */
export const microsoft = 'com.microsoft'

/** What an op's `lower` writes its ONNX nodes with. Results and operands are names in the graph. */
export interface Lowering {
  readonly target: Target
  /** Adds a node with one result and returns its name. */
  node(
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
    domain?: string,
  ): string
  /** Adds a node with `count` results and returns their names; '' for a result that is left out. */
  nodes(
    type: string,
    inputs: readonly string[],
    count: number,
    attributes?: Readonly<Record<string, AttributeValue>>,
    domain?: string,
  ): string[]
  /** Name of a constant with the given elements. Equal small constants share one name. */
  constant(dtype: DType, shape: readonly number[], data: TypedArray | readonly number[]): string
  /** Name of the initializer for a constant of the program. */
  initializer(source: ConstantSource): string
  /** Name of a rank-1 int64 tensor that holds `shape`, also where it has named dimensions. */
  shape(shape: Shape): string
  /** Name of a scalar int64 tensor that holds `dim`. */
  dim(dim: Dim): string
  /** Name of a tensor of zeros. */
  zeros(dtype: DType, shape: Shape): string
  /**
   * True where `dim` is 0 in the calls that this graph is for. Calls with an empty axis get a graph of their own,
   * because kernels differ there; no `lower` is asked for results without elements.
   */
  isEmpty(dim: Dim): boolean
}
