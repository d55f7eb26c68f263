import { expect, test } from 'vitest'
import { array } from './array'
import { add, mul, square } from './ops/elementwise'
import { matmul } from './ops/matmul'
import { dropout } from './ops/random'
import { mean, sum } from './ops/reduce'
import { reshape } from './ops/reshape'
import { slice } from './ops/slice'
import { topK } from './ops/sort'
import { programText } from './program-text'
import { constant, f32, i64, type Tensor } from './tensor'
import { trace } from './trace'
import { checkpoint } from './transform/checkpoint'
import { valueAndGrad } from './transform/gradient'

test('a loss and its gradient, with names of nested arguments', () => {
  const loss = ({ w }: { w: Tensor }, x: Tensor) => mean(square(matmul(x, w)))
  const { program } = trace(valueAndGrad(loss), [{ w: f32(3, 1) }, f32('B', 3)], { name: 'loss' })
  expect(programText(program)).toMatchInlineSnapshot(`
    "loss($0.w: float32[3, 1], $1: float32[B, 3])
      %0: float32[B, 1] = matmul($1, $0.w) {alpha: 1}
      %1: float32[B, 1] = mul(%0, %0)
      %2: float32[] = sum(%1) {axes: [0, 1]}
      %3: int64[] = dimensionSize() {dim: B}
      %4: float32[] = cast(%3) {dtype: float32}
      %5: float32[] = div(%2, %4)
      %6: float32[] = div(1, %4)
      %7: float32[1, 1] = reshape(%6) {shape: [1, 1]}
      %8: float32[B, 1] = broadcastTo(%7) {shape: [B, 1]}
      %9: float32[B, 1] = mul(%8, %0)
      %10: float32[B, 1] = mul(%8, %0)
      %11: float32[B, 1] = add(%9, %10)
      %12: float32[3, 1] = matmul($1, %11) {transposeA: true, alpha: 1}
      return %5, %12"
  `)
})

test('constants, several results, derived dimensions and attributes', () => {
  const table = constant(array([1, 2, 3]))
  const { program } = trace(
    (x: Tensor) => [...topK(mul(add(x, table), 0.5), 2), slice(reshape(x, [-1]), 0, 1)],
    [f32('B', 'T', 3)],
    { name: 'parts' },
  )
  expect(programText(program)).toMatchInlineSnapshot(`
    "parts($0: float32[B, T, 3])
      %0: float32[3] = constant
      %1: float32[B, T, 3] = add($0, %0)
      %2: float32[B, T, 3] = mul(%1, 0.5)
      %3: float32[B, T, 2], %4: int64[B, T, 2] = topK(%2) {k: 2, descending: true}
      %5: float32[3*B*T] = reshape($0) {shape: [3*B*T]}
      %6: float32[3*B*T-1] = slice(%5) {axis: 0, begin: 1, end: 3*B*T}
      return %3, %4, %6"
  `)
})

test('equal traces give equal texts', () => {
  const text = () =>
    programText(
      trace(
        (x: Tensor, key: Tensor) =>
          valueAndGrad((w: Tensor) => sum(checkpoint((t) => dropout(square(t), 0.5, key))(w)[0]!))(x),
        [f32('B', 4), i64(2)],
      ).program,
    )
  expect(text()).toBe(text())
})
