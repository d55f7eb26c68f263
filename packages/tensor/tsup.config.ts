import { defineConfig } from 'tsup'
import { shared } from '../../tsup.shared'

export default defineConfig(
  shared({
    index: 'src/index.ts',
    node: 'src/node.ts',
    safetensors: 'src/safetensors.ts',
    web: 'src/web.ts',
    'worker-main': 'src/runtimes/worker-main.ts', // what workerRuntime starts, beside it
  }),
)
