import type { Host } from './host'
import { ortHost } from './ort-host'
import type { OrtModel } from './ort-session'

/** Sessions and arrays of `onnxruntime-node` in this thread. Only a GPU needs to know here how programs become models. */
export const nodeHost = async (provider: 'cpu' | 'webgpu'): Promise<Host<OrtModel>> => {
  const ort = await import('onnxruntime-node')
  if (provider === 'cpu') return ortHost(ort, { results: 'written into arrays' })
  const { nodeModel } = await import('./node-model')
  return ortHost(ort, {
    results: 'on the GPU',
    modelOf: (program, carried) => nodeModel(program, { provider }, { carried }),
  })
}
