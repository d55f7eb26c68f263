import { attributeOf, callValue, itemOf, sliceOf } from './access'
import type { Arguments, Expression, Macro, Parameter, Statement, Target } from './ast'
import { applyFilter, type Registry } from './filters'
import { loopObject } from './loop'
import { binaryOperators, comparisons, negative, positive } from './operators'
import { applyTest } from './tests'
import { textOf } from './text'
import {
  firstOf,
  hashable,
  isObject,
  isTrue,
  iterate,
  JinjaError,
  type Keywords,
  type TemplateObject,
  Tuple,
  Undefined,
  type Value,
} from './values'

/** Names and their values in one block, inside those around it. */
interface Scope {
  readonly names: Map<string, Value>
  readonly parent: Scope | undefined
}

/** Rendered text and the places of its generation blocks. */
export interface Rendering {
  readonly text: string
  /** Begin and end of each `{% generation %}` block in UTF-16 units. */
  readonly generations: readonly (readonly [begin: number, end: number])[]
}

/** How a statement ended. */
type Outcome = 'break' | 'continue' | undefined

const inside = (parent: Scope): Scope => ({ names: new Map(), parent })

/** Renders statements. `variables` come before `globals`. @throws JinjaError as Jinja for Python raises */
export const render = (
  statements: readonly Statement[],
  variables: ReadonlyMap<string, Value>,
  globals: ReadonlyMap<string, Value>,
): Rendering => {
  const generations: [number, number][] = []
  let written = 0 // length of what left the outermost block
  let buffers: string[][] = [[]]

  const emit = (text: string): void => {
    buffers.at(-1)!.push(text)
    if (buffers.length === 1) written += text.length
  }

  /** Text that an action writes, instead of writing it. */
  const captured = (act: () => void): string => {
    const outer = buffers
    buffers = [...outer, []]
    try {
      act()
      return buffers.at(-1)!.join('')
    } finally {
      buffers = outer
    }
  }

  /** Text that statements produce. */
  const capture = (body: readonly Statement[], scope: Scope): string => captured(() => run(body, scope))

  const lookUpName = (name: string, scope: Scope): Value => {
    for (let current: Scope | undefined = scope; current !== undefined; current = current.parent) {
      const value = current.names.get(name)
      if (value !== undefined) return value
    }
    return firstOf(variables.get(name), globals.get(name), new Undefined(`'${name}' is undefined`))!
  }

  const assign = (target: Target, value: Value, scope: Scope): void => {
    if (target.type === 'name') scope.names.set(target.name, value)
    else if (target.type === 'tuple')
      unpack(value, target.targets.length).forEach((item, i) => assign(target.targets[i]!, item, scope))
    else {
      const owner = lookUpName(target.name, scope)
      if (!isObject(owner) || owner.assign === undefined)
        throw new JinjaError('TemplateRuntimeError', 'cannot assign attribute on non-namespace object')
      owner.assign(target.attribute, value)
    }
  }

  const evaluateArguments = (
    { positional, keywords, spread, spreadKeywords }: Arguments,
    scope: Scope,
  ): [Value[], Keywords] => {
    const values = positional.map((argument) => evaluate(argument, scope))
    if (spread !== undefined) values.push(...iterate(evaluate(spread, scope)))
    const named = Object.fromEntries(keywords.map(([name, argument]) => [name, evaluate(argument, scope)]))
    const dict = spreadKeywords === undefined ? undefined : evaluate(spreadKeywords, scope)
    return [
      values,
      dict instanceof Map
        ? { ...named, ...Object.fromEntries([...dict].map(([key, value]) => [textOf(key), value])) }
        : named,
    ]
  }

  const registry: Registry = {
    filter: (name, value, positional, keywords) => applyFilter(registry, name, value, positional, keywords),
    test: applyTest,
  }

  const evaluate = (expression: Expression, scope: Scope): Value => {
    switch (expression.type) {
      case 'constant':
        return expression.value
      case 'name':
        return lookUpName(expression.name, scope)
      case 'list':
        return expression.items.map((item) => evaluate(item, scope))
      case 'tuple':
        return new Tuple(expression.items.map((item) => evaluate(item, scope)))
      case 'dict':
        return new Map(
          expression.entries.map(([key, value]) => [hashable(evaluate(key, scope)), evaluate(value, scope)]),
        )
      case 'not':
        return !isTrue(evaluate(expression.operand, scope))
      case 'negative':
        return negative(evaluate(expression.operand, scope))
      case 'positive':
        return positive(evaluate(expression.operand, scope))
      case 'binary':
        return binaryOperators[expression.sign]!(evaluate(expression.left, scope), evaluate(expression.right, scope))
      case 'and': {
        const left = evaluate(expression.left, scope)
        return isTrue(left) ? evaluate(expression.right, scope) : left
      }
      case 'or': {
        const left = evaluate(expression.left, scope)
        return isTrue(left) ? left : evaluate(expression.right, scope)
      }
      case 'compare': {
        let left = evaluate(expression.first, scope)
        for (const [sign, operand] of expression.rest) {
          const right = evaluate(operand, scope)
          if (!comparisons[sign]!(left, right)) return false
          left = right
        }
        return true
      }
      case 'if': {
        if (isTrue(evaluate(expression.test, scope))) return evaluate(expression.value, scope)
        if (expression.otherwise !== undefined) return evaluate(expression.otherwise, scope)
        return new Undefined('the inline if-expression evaluated to false and no else section was defined.')
      }
      case 'attribute':
        return attributeOf(evaluate(expression.of, scope), expression.name)
      case 'item':
        return itemOf(evaluate(expression.of, scope), evaluate(expression.key, scope))
      case 'slice': {
        const [begin, end, step] = expression.bounds.map((bound) =>
          bound === undefined ? null : evaluate(bound, scope),
        )
        return sliceOf(evaluate(expression.of, scope), [begin ?? null, end ?? null, step ?? null])
      }
      case 'call':
        return callValue(evaluate(expression.of, scope), ...evaluateArguments(expression.args, scope))
      case 'filter':
        return registry.filter(
          expression.name,
          evaluate(expression.of, scope),
          ...evaluateArguments(expression.args, scope),
        )
      case 'test':
        return registry.test(
          expression.name,
          evaluate(expression.of, scope),
          ...evaluateArguments(expression.args, scope),
        )
    }
  }

  const filtered = (text: string, filters: readonly { name: string; args: Arguments }[], scope: Scope): Value =>
    filters.reduce(
      (value: Value, { name, args }) => registry.filter(name, value, ...evaluateArguments(args, scope)),
      text,
    )

  const absent = ({ name, fallback }: Parameter, scope: Scope): Value =>
    fallback === undefined ? new Undefined(`parameter '${name}' was not provided`) : evaluate(fallback, scope)

  /** A function of a template: its body with parameters, as text. */
  const macroObject = ({ name, parameters, body, names }: Macro, scope: Scope): TemplateObject => ({
    type: 'Macro',
    attribute: (attribute) => (attribute === 'name' ? name : undefined),
    call(positional, { caller, ...named }) {
      const own = inside(scope)
      if (caller !== undefined) own.names.set('caller', caller)
      const more = positional.slice(parameters.length)
      const others = Object.entries(named).filter(([key]) => !parameters.some((parameter) => parameter.name === key))
      if (names.has('varargs')) own.names.set('varargs', new Tuple(more))
      else if (more.length > 0)
        throw new JinjaError('TypeError', `macro '${name}' takes not more than ${parameters.length} argument(s)`)
      if (names.has('kwargs')) own.names.set('kwargs', new Map(others))
      else if (others[0] !== undefined)
        throw new JinjaError('TypeError', `macro '${name}' takes no keyword argument '${others[0][0]}'`)
      parameters.forEach((parameter, i) => {
        const given = firstOf(positional[i], named[parameter.name])
        own.names.set(parameter.name, given !== undefined ? given : absent(parameter, own))
      })
      return capture(body, own)
    },
  })

  const runLoop = (
    statement: Extract<Statement, { type: 'for' }>,
    source: Value,
    scope: Scope,
    depth: number,
  ): Outcome => {
    const all = iterate(source)
    const items =
      statement.filter === undefined
        ? all
        : all.filter((item) => {
            const trial = inside(scope)
            assign(statement.target, item, trial)
            return isTrue(evaluate(statement.filter!, trial))
          })
    if (items.length === 0) return run(statement.otherwise, inside(scope))
    const loop = loopObject(items, depth, (value) => {
      if (!statement.recursive)
        throw new JinjaError('TypeError', "The loop must have the 'recursive' marker to be called recursively.")
      return captured(() => runLoop(statement, value, scope, depth + 1))
    })
    for (const [i, item] of items.entries()) {
      loop.moveTo(i)
      const own = inside(scope)
      assign(statement.target, item, own)
      own.names.set('loop', loop.object)
      if (run(statement.body, own) === 'break') break
    }
    return undefined
  }

  const execute = (statement: Statement, scope: Scope): Outcome => {
    switch (statement.type) {
      case 'text':
        emit(statement.text)
        return undefined
      case 'output':
        emit(textOf(evaluate(statement.value, scope)))
        return undefined
      case 'if': {
        const branch = statement.branches.find(([test]) => isTrue(evaluate(test, scope)))
        return run(branch?.[1] ?? statement.otherwise, scope)
      }
      case 'for':
        return runLoop(statement, evaluate(statement.items, scope), scope, 0)
      case 'break':
      case 'continue':
        return statement.type
      case 'set':
        assign(statement.target, evaluate(statement.value, scope), scope)
        return undefined
      case 'set-block':
        assign(statement.target, filtered(capture(statement.body, inside(scope)), statement.filters, scope), scope)
        return undefined
      case 'with': {
        const own = inside(scope)
        for (const [target, value] of statement.assignments) assign(target, evaluate(value, own), own)
        return run(statement.body, own)
      }
      case 'macro':
        scope.names.set(statement.macro.name, macroObject(statement.macro, scope))
        return undefined
      case 'call-block': {
        const caller = macroObject(statement.caller, scope)
        const call = statement.call as Extract<Expression, { type: 'call' }>
        const [positional, keywords] = evaluateArguments(call.args, scope)
        emit(textOf(callValue(evaluate(call.of, scope), positional, { ...keywords, caller })))
        return undefined
      }
      case 'filter-block':
        emit(textOf(filtered(capture(statement.body, inside(scope)), statement.filters, scope)))
        return undefined
      case 'generation': {
        const text = capture(statement.body, inside(scope))
        generations.push([written, written + text.length])
        emit(text)
        return undefined
      }
    }
  }

  const run = (body: readonly Statement[], scope: Scope): Outcome => {
    for (const statement of body) {
      const outcome = execute(statement, scope)
      if (outcome !== undefined) return outcome
    }
    return undefined
  }

  run(statements, { names: new Map(), parent: undefined })
  return { text: buffers[0]!.join(''), generations }
}

const unpack = (value: Value, count: number): readonly Value[] => {
  const items = iterate(value)
  if (items.length === count) return items
  throw new JinjaError(
    'ValueError',
    items.length > count
      ? `too many values to unpack (expected ${count})`
      : `not enough values to unpack (expected ${count}, got ${items.length})`,
  )
}
