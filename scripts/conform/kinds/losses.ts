import type { Kind } from '../kind'
import { dpoCases } from './losses/dpo'

const kind = (name: string, discover: (golden: string) => Promise<import('../kind').Case[]>): Kind => ({
  prefix: `losses/${name}`,
  discover: ({ golden }) => discover(golden),
})

/** Losses on explicit tensors: value, gradient and logged metrics against PyTorch, transformers and TRL. */
export const kinds: Kind[] = [kind('dpo', dpoCases)]
