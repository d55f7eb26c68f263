import { expect, test } from 'vitest'
import { ortHost } from './ort-host'

/** ONNX Runtime that only counts which sessions were released. */
const countingOrt = () => {
  const released: number[] = []
  let created = 0
  const create = async () => {
    const number = created++
    return { run: async () => ({}), release: async () => void released.push(number) }
  }
  class Tensor {}
  return { released, ort: { InferenceSession: { create }, Tensor } as never }
}

const model = { name: 'm', bytes: new Uint8Array(1), inputs: [], outputs: [], ops: [], overwrites: [], session: {} }

test('disposing a host releases every session, and none twice', async () => {
  const { released, ort } = countingOrt()
  const host = ortHost(ort, { results: 'written into arrays' })
  const first = await host.load(model, {})
  await host.load(model, {})
  await host.load(model, {})
  await first.dispose()
  await first.dispose()
  expect(released).toEqual([0])
  await host.dispose()
  await host.dispose()
  expect(released).toEqual([0, 1, 2])
})
