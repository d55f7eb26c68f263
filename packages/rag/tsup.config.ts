import { defineConfig } from 'tsup'
import { shared } from '../../tsup.shared'

export default defineConfig(
  shared(
    { index: 'src/index.ts', node: 'src/node.ts' },
    // The name under which this repository installs Transformers.js; users may have it under either.
    { external: ['@xenova/transformers', '@huggingface/transformers'] },
  ),
)
