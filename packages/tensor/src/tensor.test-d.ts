/** Checked by `npm run types`: an error that is expected and does not come is an error too. */
import {
  type Compiled,
  compile,
  defineOp,
  type NdArray,
  type Op,
  type Runtime,
  type referenceRuntime,
  type Tensor,
  valueAndGrad,
} from './index'

const whole: Op<undefined> = {
  name: 'whole',
  infer: ([x]) => x!,
  gradient: 'none',
  lower: (onnx, [x]) => onnx.node('Identity', [x!]),
  evaluate: ([x]) => x!,
}
const { name, infer, gradient, lower, evaluate } = whole

defineOp(whole)
// @ts-expect-error an op has a name
defineOp({ infer, gradient, lower, evaluate })
// @ts-expect-error an op has a shape rule
defineOp({ name, gradient, lower, evaluate })
// @ts-expect-error an op has a gradient, or says 'none'
defineOp({ name, infer, lower, evaluate })
// @ts-expect-error an op has ONNX nodes
defineOp({ name, infer, gradient, evaluate })
// @ts-expect-error an op has a reference evaluation
defineOp({ name, infer, gradient, lower })
// @ts-expect-error a gradient rule or 'none', and no other word
defineOp({ ...whole, gradient: 'zero' })

declare const runtime: Runtime
type Loss = (w: { a: Tensor; b: [Tensor] }, x: Tensor) => Tensor
declare const loss: Loss

const step = compile(valueAndGrad(loss), { runtime })
declare const array: NdArray
const result: Promise<[NdArray, { a: NdArray; b: [NdArray] }]> = step({ a: array, b: [array] }, 1)
// @ts-expect-error a missing argument
step({ a: array, b: [array] })
// @ts-expect-error a missing member of an argument
step({ a: array }, array)
// @ts-expect-error a member of an argument that is no array
step({ a: array, b: ['w'] }, array)
// @ts-expect-error a loss returns a tensor
valueAndGrad((w: Tensor) => w.shape)

export type Unused = [typeof result, Compiled<[Tensor], Tensor>, typeof referenceRuntime]
