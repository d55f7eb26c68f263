import { type Dim, multiplyDims, type Shape, sameDim, sameShape, shapeText, sizeOf } from '../dimension'
import { ShapeError } from '../errors'
import { microsoft } from '../onnx/lowering'
import { count, stridesFor, type Value, walk } from '../reference/value'
import { broadcastShapes } from '../shape'
import { apply, type Op, requireFloating, type Tensor, type TensorType, unify } from '../tensor'
import { add } from './elementwise'
import { quantizedMatmul } from './quantized-matmul'
import { reshape, unbroadcast } from './reshape'

/** Which operands are taken transposed (last two axes), and a factor on the product. */
export interface MatmulOptions {
  readonly transposeA?: boolean
  readonly transposeB?: boolean
  readonly alpha?: number
}

type MatmulAttributes = Required<MatmulOptions>

/**
 * Matrix product over the last two axes; leading axes broadcast. With a quantised constant as `b` it runs on the
 * constant's few bits.
 *
 * @param a [..., M, K], or [..., K, M] with `transposeA`
 * @param b [..., K, N], or [..., N, K] with `transposeB`
 * @returns [..., M, N], multiplied by `alpha`
 */
export const matmul = (
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false, alpha = 1 }: MatmulOptions = {},
): Tensor => {
  unify('matmul', a, b)
  const quantized = transposeA ? undefined : quantizedMatmul(a, b, transposeB, alpha)
  return quantized ?? apply(matmulOp, [a, b], { transposeA, transposeB, alpha })
}

const matrix = (shape: Shape, transposed: boolean): [Dim, Dim] => {
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!]
  return transposed ? [columns, rows] : [rows, columns]
}

const matmulOp: Op<MatmulAttributes> = {
  name: 'matmul',
  work: ({ inputs: [a], outputs: [y], attributes: { transposeA } }) =>
    multiplyDims(2, multiplyDims(sizeOf(y!.shape), matrix(a!.shape, transposeA)[1])),
  infer: ([a, b], { transposeA, transposeB }) => {
    requireFloating('matmul', a!)
    const shapes = [shapeText(a!.shape), shapeText(b!.shape)]
    if (a!.shape.length < 2 || b!.shape.length < 2)
      throw new ShapeError(
        `matmul: operands need two axes or more, got ${shapes[0]} and ${shapes[1]}. Add an axis with unsqueeze.`,
        { op: 'matmul', shapes },
      )
    const [rows, inner] = matrix(a!.shape, transposeA)
    const [innerB, columns] = matrix(b!.shape, transposeB)
    if (!sameDim(inner, innerB))
      throw new ShapeError(
        `matmul: inner dimensions must match, got ${shapes[0]}${transposeA ? ' transposed' : ''} and ${shapes[1]}${transposeB ? ' transposed' : ''}. Transpose one operand, or check its last axes.`,
        { op: 'matmul', shapes },
      )
    const lead = broadcastShapes('matmul', a!.shape.slice(0, -2), b!.shape.slice(0, -2), [a!.shape, b!.shape])
    return { dtype: a!.dtype, shape: [...lead, rows, columns] }
  },
  gradient: ({ inputs: [a, b], attributes: { transposeA, transposeB, alpha } }, [g]) => [
    () =>
      unbroadcast(
        transposeA
          ? matmul(b!, g!, { transposeA: transposeB, transposeB: true, alpha })
          : matmul(g!, b!, { transposeB: !transposeB, alpha }),
        a!.shape,
      ),
    () =>
      b!.shape.length === 2 && a!.shape.length > 2 && !transposeA
        ? weightGradient(a!, g!, transposeB, alpha)
        : unbroadcast(
            transposeB
              ? matmul(g!, a!, { transposeA: true, transposeB: transposeA, alpha })
              : matmul(a!, g!, { transposeA: !transposeA, alpha }),
            b!.shape,
          ),
  ],
  lower: (onnx, inputs, { attributes: { transposeA, transposeB, alpha }, inputs: [a, b], outputs: [output] }) => {
    // Over no products the kernel fills the first matrix of a batch only.
    if (onnx.isEmpty(matrix(a!.shape, transposeA)[1])) return onnx.zeros(output!.dtype, output!.shape)
    if (!transposeA && !transposeB && alpha === 1) return onnx.node('MatMul', inputs)
    const fused = (operands: readonly string[], transA: boolean, transB: boolean): string => {
      const attributes = { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } }
      return onnx.node('FusedMatMul', operands, attributes, microsoft)
    }
    // aᵀ·b with many columns of a and few of b is faster as (bᵀ·a)ᵀ: the kernel copies the transposed operand.
    if (onnx.target !== 'webgpu' && transposeA && !transposeB && isNarrow(a!, b!))
      return onnx.node('Transpose', [fused([inputs[1]!, inputs[0]!], true, false)], { perm: [1, 0] })
    if (onnx.target !== 'webgpu') return fused(inputs, transposeA, transposeB)
    const swap = (name: string, rank: number) =>
      onnx.node('Transpose', [name], { perm: [...Array(rank - 2).keys(), rank - 1, rank - 2] })
    const left = transposeA ? swap(inputs[0]!, a!.shape.length) : inputs[0]!
    const right = transposeB ? swap(inputs[1]!, b!.shape.length) : inputs[1]!
    const product = onnx.node('MatMul', [left, right])
    return alpha === 1 ? product : onnx.node('Mul', [product, onnx.constant(a!.dtype, [], [alpha])])
  },
  evaluate: ([a, b], attributes, { outputs: [output] }) => multiply(a!, b!, attributes, output!.shape),
}

const isNarrow = (a: TensorType, b: TensorType): boolean => {
  const [many, few] = [a.shape.at(-1)!, b.shape.at(-1)!]
  return (
    a.shape.length === 2 &&
    b.shape.length === 2 &&
    typeof many === 'number' &&
    typeof few === 'number' &&
    many >= 8 * few
  )
}

/** Gradient of a matrix used by every row of a batch: one product over all rows instead of a sum of products. */
const weightGradient = (x: Tensor, g: Tensor, transposed: boolean, alpha: number): Tensor => {
  const rows = reshape(x, [-1, x.shape.at(-1)!])
  const gradients = reshape(g, [-1, g.shape.at(-1)!])
  return transposed
    ? matmul(gradients, rows, { transposeA: true, alpha })
    : matmul(rows, gradients, { transposeA: true, alpha })
}

const multiply = (a: Value, b: Value, options: MatmulAttributes, shape: readonly number[]): Value => {
  const [m, n] = shape.slice(-2) as [number, number]
  const k = options.transposeA ? a.shape.at(-2)! : a.shape.at(-1)!
  const lead = shape.slice(0, -2)
  const [rowA, stepA] = options.transposeA ? [1, m] : [k, 1]
  const [stepB, columnB] = options.transposeB ? [1, k] : [n, 1]
  const data = new Float64Array(count(shape))
  const offsetsB: number[] = []
  walk(lead, stridesFor(b.shape.slice(0, -2), lead), (_, offset) => offsetsB.push(offset * k * n))
  walk(lead, stridesFor(a.shape.slice(0, -2), lead), (batch, offset) => {
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let total = 0
        for (let l = 0; l < k; l++)
          total += a.data[offset * m * k + i * rowA + l * stepA]! * b.data[offsetsB[batch]! + l * stepB + j * columnB]!
        data[(batch * m + i) * n + j] = total * options.alpha
      }
  })
  return { shape, data }
}

/**
 * x · Wᵀ + b, the product of a linear layer whose weight is stored [out, in].
 *
 * @param x      [..., in]
 * @param weight [out, in]
 * @param bias   [out]
 */
export const linear = (x: Tensor, weight: Tensor, bias?: Tensor): Tensor => {
  const [outputs, inputs] = weight.shape
  const fits = weight.shape.length === 2 && x.shape.length > 0 && sameDim(inputs!, x.shape.at(-1)!)
  if (!fits || (bias && !sameShape(bias.shape, [outputs!])))
    throw new ShapeError(
      `linear: expected x [..., in], weight [out, in] and bias [out], got ${[x, weight, ...(bias ? [bias] : [])].map(({ shape }) => shapeText(shape)).join(', ')}. Transpose the weight, or check the widths.`,
      { op: 'linear', shapes: [shapeText(x.shape), shapeText(weight.shape)] },
    )
  const product = matmul(x, weight, { transposeB: true })
  return bias ? add(product, bias) : product
}
