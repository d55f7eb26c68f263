/** Fits a line through points in this page: gradients and updates are one ONNX program on `webRuntime`. */
import {
  add,
  array,
  compile,
  f32,
  mean,
  mul,
  type Runtime,
  square,
  sub,
  type Tensor,
  valueAndGrad,
} from '@qilin-med/tensor'
import { webRuntime } from '@qilin-med/tensor/web'

type Line = { readonly slope: Tensor; readonly height: Tensor }

/** What is used of the page; the repository is typed for Node. */
declare const navigator: object
declare const document: {
  title: string
  readonly body: { append(element: object): void }
  createElement(tag: string): object
}

const loss = ({ slope, height }: Line, x: Tensor, y: Tensor) => mean(square(sub(add(mul(x, slope), height), y)))

const descend = (line: Line, x: Tensor, y: Tensor): [Line, Tensor] => {
  const [value, gradient] = valueAndGrad(loss)(line, x, y)
  const step = (parameter: Tensor, slope: Tensor) => sub(parameter, mul(slope, 0.2))
  return [{ slope: step(line.slope, gradient.slope), height: step(line.height, gradient.height) }, value]
}

const points = Float32Array.from({ length: 64 }, (_, i) => i / 32 - 1)
const wanted = points.map((x) => 3 * x - 0.5)

const fit = async (runtime: Runtime, show: (line: string) => void): Promise<void> => {
  const line = { slope: f32(), height: f32() }
  const step = compile(descend, { runtime, inputs: [line, f32('N'), f32('N')], carry: true })
  const zero = array(new Float32Array(1), { shape: [] })
  const fitted = { slope: await runtime.upload(zero), height: await runtime.upload(zero) }
  for (let i = 0; i <= 60; i++) {
    const [, value] = await step(fitted, points, wanted)
    if (i % 20 === 0) show(`step ${i}: loss ${Number(value.data[0]).toExponential(2)}`)
  }
  const [slope, height] = await Promise.all([runtime.download(fitted.slope), runtime.download(fitted.height)])
  show(`y = ${Number(slope.data[0]).toFixed(3)} x + ${Number(height.data[0]).toFixed(3)}`)
}

const show = (line: string): void => {
  document.body.append(Object.assign(document.createElement('pre'), { textContent: line }))
}

const providers = ['gpu' in navigator ? (['wasm', 'webgpu'] as const) : (['wasm'] as const)].flat()
try {
  for (const provider of providers) {
    show(provider)
    await using runtime = await webRuntime({ provider, files: 'onnxruntime/' })
    await fit(runtime, show)
  }
} catch (error) {
  show(String(error))
}
document.title = 'done'
