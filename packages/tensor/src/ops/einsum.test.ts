import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evaluateProgram } from '../reference/evaluate'
import { f32, input, type Tensor } from '../tensor'
import { numbers } from '../test/close'
import { trace } from '../trace'
import { einsum } from './einsum'

type Lengths = Readonly<Record<string, number>>

/** The sum written out: every assignment of indices to letters, added where it belongs. */
const bySum = (inputs: readonly string[], output: string, lengths: Lengths, arrays: readonly Float64Array[]) => {
  const letters = [...new Set(inputs.join(''))]
  const offset = (group: string, at: Lengths) => [...group].reduce((sum, l) => sum * lengths[l]! + at[l]!, 0)
  const result = new Float64Array([...output].reduce((size, l) => size * lengths[l]!, 1))
  const visit = (depth: number, at: Lengths) => {
    const letter = letters[depth]
    if (letter === undefined)
      result[offset(output, at)]! += inputs.reduce((value, group, i) => value * arrays[i]![offset(group, at)]!, 1)
    else for (let i = 0; i < lengths[letter]!; i++) visit(depth + 1, { ...at, [letter]: i })
  }
  visit(0, {})
  return [...result]
}

describe('einsum', () => {
  test('equals the sum written out, for random equations of one to three operands', () => {
    const group = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 }).map((letters) => letters.join(''))
    const drawn = fc.record({
      groups: fc.array(group, { minLength: 1, maxLength: 3 }),
      order: fc.shuffledSubarray(['a', 'b', 'c', 'd']),
      lengths: fc.record({ a: fc.nat(3), b: fc.nat(3), c: fc.nat(2), d: fc.nat(2) }),
    })
    const property = fc.property(drawn, ({ groups, order, lengths }) => {
      const output = order.filter((letter) => groups.join('').includes(letter)).join('')
      const shapes = groups.map((letters) => [...letters].map((letter) => lengths[letter as 'a']))
      const arrays = shapes.map((shape, operand) =>
        Float64Array.from({ length: shape.reduce((n, l) => n * l, 1) }, (_, i) => ((i * 7 + operand * 3) % 11) - 5),
      )
      const types = shapes.map((shape) => f32(...shape))
      const { program } = trace(
        (...given: Tensor[]) => einsum(`${groups.join(',')}->${output}`, ...given),
        types as never,
      )
      const inputs = arrays.map((data, i) => ({ dtype: 'float64' as const, shape: shapes[i]!, data }))
      const [result] = evaluateProgram(program, inputs, new Map())
      expect(numbers(result!.data).map((value) => value + 0)).toEqual(bySum(groups, output, lengths, arrays))
    })
    fc.assert(property, { seed: 5, numRuns: 300 })
  })

  test('without an arrow the letters that occur once are the result, in alphabetical order', () => {
    const [x, y] = [input('x', f32('B', 3)), input('y', f32(3, 'A'))]
    expect(`${einsum('cb,ba', x, y)}`).toBe('matmul: float32[A, B]')
    expect(einsum('...b,ba', input('z', f32(2, 'T', 3)), y).shape.join()).toBe('2,T,A')
  })

  test.each<[string, string, ReturnType<typeof f32>[]]>([
    ['scores of attention', 'bthd,bshd->bhts', [f32('B', 'T', 2, 8), f32('B', 'S', 2, 8)]],
    ['a linear layer', 'btd,vd->btv', [f32('B', 'T', 8), f32(5, 8)]],
    ['the gradient of its weight', 'btd,btv->vd', [f32('B', 'T', 8), f32('B', 'T', 5)]],
    ['a chain, smallest product first', 'ab,bc,c->a', [f32('A', 64), f32(64, 64), f32(64)]],
  ])('plans %s', (name, equation, types) => {
    const plan = trace((...given: Tensor[]) => einsum(equation, ...given), types as never).program.nodes
    const calls = plan.filter(({ inputs }) => inputs.length > 0)
    expect(calls.map(({ op, outputs }) => `${op.name} [${outputs[0]!.shape}]`)).toMatchSnapshot(name)
  })
})
