export { array, type NdArray, type Nested } from './array'
export { type Arguments, type ArrayLike, type Compiled, type CompileOptions, compile, type Results } from './compile'
export {
  addDims,
  type Bindings,
  bindDim,
  type Dim,
  dimension,
  divideDims,
  floorDivideDim,
  multiplyDims,
  type Shape,
  SymbolicDim,
  sameDim,
  sameShape,
  shapeText,
  subtractDims,
} from './dimension'
export {
  bytesPerElement,
  convertElements,
  type DType,
  isFloating,
  isNumeric,
  type TypedArray,
  toTyped,
  viewOf,
  zerosOf,
} from './dtype'
export { DTypeError, ShapeError, TensorError, type TensorErrorCode, type TensorErrorFields } from './errors'
export { type FlatEntry, type FlatLayout, flatLayout, flattenBy, unflatten } from './flat'
export { type Graph, type GraphNode, lowerProgram } from './onnx/graph'
export { type AttributeValue, type Lowering, microsoft, type Target } from './onnx/lowering'
export { opset, writeModel } from './onnx/model'
export { renameValues } from './onnx/rename'
export { type AttentionLayout, type AttentionOptions, attention, attentionMask } from './ops/attention'
export { cast } from './ops/cast'
export { arange, dimensionSize } from './ops/dimension-size'
export { einsum } from './ops/einsum'
export {
  abs,
  add,
  and,
  ceil,
  clip,
  cos,
  div,
  equal,
  erf,
  exp,
  floor,
  gelu,
  geluTanh,
  greater,
  greaterEqual,
  isNotANumber,
  less,
  lessEqual,
  log,
  logSigmoid,
  maximum,
  minimum,
  mul,
  neg,
  not,
  notEqual,
  or,
  pow,
  reciprocal,
  relu,
  round,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './ops/elementwise'
export { gatedSilu } from './ops/gated'
export {
  type AxisOptions,
  cumulativeSum,
  full,
  gather,
  oneHot,
  ones,
  putAlongAxis,
  scatterRows,
  takeAlongAxis,
  zeros,
} from './ops/indexing'
export { linear, type MatmulOptions, matmul } from './ops/matmul'
export { layerNorm, rmsNorm } from './ops/normalization'
export { categorical, dropout, normal, randomWords, uniform } from './ops/random'
export { argMax, logSumExp, max, mean, min, type ReduceOptions, sum } from './ops/reduce'
export {
  broadcastTo,
  flatten,
  type Length,
  moveAxis,
  reshape,
  squeeze,
  transpose,
  unbroadcast,
  unsqueeze,
} from './ops/reshape'
export { rotary } from './ops/rotary'
export { concat, pad, slice, split, stack } from './ops/slice'
export { logSoftmax, type SoftmaxOptions, softmax } from './ops/softmax'
export { argSort, type SortOptions, sort, topK } from './ops/sort'
export { costAt, type ProgramCost, programCost } from './program-cost'
export { programText } from './program-text'
export { type Int4Scheme, quantizeInt4 } from './quantize/int4'
export { quantizeInt8 } from './quantize/int8'
export { nf4Levels, quantizeNf4 } from './quantize/nf4'
export {
  dequantize,
  type Int4Weight,
  type Int8Weight,
  type Nf4Weight,
  type QuantizedWeight,
  type QuantizeOptions,
  quantize,
} from './quantize/weight'
export { fillNormal, fillUniform, foldIn, type RandomKey, randomKey, threefry } from './random/threefry'
export { evaluateProgram } from './reference/evaluate'
export type { Value } from './reference/value'
export {
  type Executable,
  isResident,
  type LoadOptions,
  type Operand,
  type Resident,
  type RunOptions,
  type Runtime,
} from './runtime'
export { referenceRuntime } from './runtimes/reference'
export {
  apply,
  applyAll,
  bool,
  type Call,
  type ConcreteType,
  type ConstantSource,
  constant,
  constantRows,
  constantSource,
  defineOp,
  type Evaluation,
  f16,
  f32,
  type GradientRule,
  i32,
  i64,
  input,
  type LoweredCall,
  type Node,
  type Op,
  type OperandGradient,
  type QuantizedMatrix,
  quantizedSource,
  Tensor,
  type TensorLike,
  type TensorType,
} from './tensor'
export {
  isTensor,
  isType,
  type Program,
  type ProgramInput,
  type TensorTree,
  type Traced,
  type TraceOptions,
  type TypeTree,
  trace,
} from './trace'
export { after, checkpoint } from './transform/checkpoint'
export { type CustomGradient, customGradient, stopGradient } from './transform/custom-gradient'
export { backward, grad, type Loss, valueAndGrad, vjp } from './transform/gradient'
export { leavesOf, type MapTree, mapTree, type Tree, type TreeLeaf } from './tree'
