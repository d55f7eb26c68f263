import { TensorError } from '../errors'
import { zeros } from '../ops/indexing'
import type { Value } from '../reference/value'
import { applyAll, type Op, type Tensor, type TensorType } from '../tensor'

/** A function with a gradient of its own. */
export interface CustomGradient {
  /** Result, or results, from the operands. */
  readonly forward: (...inputs: Tensor[]) => Tensor | readonly Tensor[]
  /** Gradients for the operands; undefined where there is none. */
  readonly backward: (
    call: { readonly inputs: readonly Tensor[]; readonly outputs: readonly Tensor[] },
    ...cotangents: Tensor[]
  ) => readonly (Tensor | (() => Tensor) | undefined)[]
}

/**
 * A function that computes `forward` and is differentiated by `backward`.
 * Gradients of gradients differentiate `backward` in turn.
 *
 * @throws TensorError `gradient` while differentiating, when `backward` does not return one gradient for each operand
 */
export const customGradient =
  ({ forward, backward }: CustomGradient): ((...inputs: Tensor[]) => Tensor[]) =>
  (...inputs) => {
    const result = forward(...inputs)
    const results = Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor]
    return attach(inputs, results, (call, cotangents) => {
      const gradients = backward(call, ...cotangents)
      if (gradients.length === inputs.length) return gradients
      throw new TensorError(
        'gradient',
        `customGradient: backward must return ${inputs.length} gradients, one for each operand, got ${gradients.length}. Return undefined where there is none.`,
        { op: 'customGradient' },
      )
    })
  }

/**
 * @param cotangents one for each result, zeros where it does not matter
 * @param received   the same, undefined where a result does not matter
 */
type Rule = (
  call: { readonly inputs: readonly Tensor[]; readonly outputs: readonly Tensor[] },
  cotangents: Tensor[],
  received: readonly (Tensor | undefined)[],
) => readonly (Tensor | (() => Tensor) | undefined)[]

/** The results as they are, with the gradient rule `rule` towards `inputs`. */
export const attach = (inputs: readonly Tensor[], results: readonly Tensor[], rule: Rule): Tensor[] =>
  applyAll(withRuleOp, [...inputs, ...results], { operands: inputs.length, rule })

interface RuleAttributes {
  readonly operands: number
  readonly rule: Rule
}

/** Passes its last operands through and lends them a gradient rule towards its first ones. */
const withRuleOp: Op<RuleAttributes> = {
  name: 'customGradient',
  work: 'view',
  infer: (inputs, { operands }): TensorType[] => inputs.slice(operands).map(({ dtype, shape }) => ({ dtype, shape })),
  gradient: ({ inputs, outputs, attributes: { operands, rule } }, cotangents) => {
    const filled = outputs.map((output, i) => cotangents[i] ?? zeros(output.shape, output.dtype))
    return rule({ inputs: inputs.slice(0, operands), outputs }, filled, cotangents)
  },
  lower: (_, inputs, { attributes }) => inputs.slice(attributes.operands),
  evaluate: (inputs, { operands }): readonly Value[] => inputs.slice(operands),
}

/** x, through which no gradient flows. */
export const stopGradient = (x: Tensor): Tensor => attach([x], [x], () => [undefined])[0]!
