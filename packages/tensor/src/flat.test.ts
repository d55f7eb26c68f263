import { expect, test } from 'vitest'
import { array } from './array'
import { compile } from './compile'
import { flatLayout, flattenBy, unflatten } from './flat'
import { mul } from './ops/elementwise'
import { sum } from './ops/reduce'
import { referenceRuntime } from './runtimes/reference'
import { f32, type Tensor } from './tensor'
import { grad } from './transform/gradient'

const layout = flatLayout([
  { name: 'w', shape: [2, 2] },
  { name: 'empty', shape: [0, 3] },
  { name: 'scale', shape: [] },
  { name: 'b', shape: [3] },
])

test('arrays lie one after the other, empty and scalar ones included', () => {
  expect(layout.size).toBe(8)
  expect(layout.entries.map(({ name, offset, size }) => [name, offset, size])).toEqual([
    ['w', 0, 4],
    ['empty', 4, 0],
    ['scale', 4, 1],
    ['b', 5, 3],
  ])
})

test('flattenBy undoes unflatten, and gradients of the parts join to the gradient of the buffer', async () => {
  await using runtime = referenceRuntime()
  const loss = (flat: Tensor) => {
    const { w, scale, b } = unflatten(flat, layout)
    return sum(mul(scale!, mul(sum(mul(w!, w!)), sum(b!))))
  }
  const both = compile(
    (flat: Tensor) => {
      const byPart = grad((parts: Record<string, Tensor>) => loss(flattenBy(parts, layout)))(unflatten(flat, layout))
      return [flattenBy(unflatten(flat, layout), layout), grad(loss)(flat), flattenBy(byPart, layout)]
    },
    { runtime, inputs: [f32(8)] },
  )
  const values = [1, 2, 3, 4, 5, 6, 7, 8]
  const [again, whole, joined] = await both(array(values))
  expect([...again!.data]).toEqual(values)
  expect([...whole!.data]).toEqual([...joined!.data])
  expect([...whole!.data]).toEqual([210, 420, 630, 840, 630, 150, 150, 150]) // 2·w·5·21, 30·21, 5·30
})
