/** Shows a loss, its gradient and one program for every batch size. Prints the weights that gradient descent finds: 1, 2, 3. */
import { array, compile, f32, matmul, mean, mul, square, sub, type Tensor, valueAndGrad } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'

const loss = (w: Tensor, x: Tensor, y: Tensor) => mean(square(sub(matmul(x, w), y)))

await using runtime = await nodeRuntime()
const step = compile(
  (w: Tensor, x: Tensor, y: Tensor): [Tensor, Tensor] => {
    const [value, gradient] = valueAndGrad(loss)(w, x, y)
    return [sub(w, mul(gradient, 0.1)), value]
  },
  { runtime, inputs: [f32(3, 1), f32('B', 3), f32('B', 1)], carry: true },
)
const weights = await runtime.upload(array([[0], [0], [0]]))
const x = array([
  [1, 0, 1],
  [0, 1, 1],
  [1, 1, 0],
  [1, 2, 3],
])
const y = array([[4], [5], [3], [14]])
for (let i = 0; i <= 300; i++) {
  const [, value] = await step(weights, x, y)
  if (i % 100 === 0) console.log(`step ${i}: loss ${Number(value.data[0]).toExponential(2)}`)
}
console.log(
  'weights',
  Array.from((await runtime.download(weights)).data as Float32Array, (w) => w.toFixed(3)).join(' '),
)
