import type { Value } from './values'

/** Arguments of a call, filter or test. */
export interface Arguments {
  readonly positional: readonly Expression[]
  readonly keywords: readonly (readonly [name: string, value: Expression])[]
  /** `*list` */
  readonly spread: Expression | undefined
  /** `**dict` */
  readonly spreadKeywords: Expression | undefined
}

/** What yields a value. */
export type Expression =
  | { readonly type: 'constant'; readonly value: Value }
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'list' | 'tuple'; readonly items: readonly Expression[] }
  | { readonly type: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly type: 'not' | 'negative' | 'positive'; readonly operand: Expression }
  | { readonly type: 'binary'; readonly sign: string; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'compare'; readonly first: Expression; readonly rest: readonly (readonly [string, Expression])[] }
  | {
      readonly type: 'if'
      readonly test: Expression
      readonly value: Expression
      readonly otherwise: Expression | undefined
    }
  | { readonly type: 'attribute'; readonly of: Expression; readonly name: string }
  | { readonly type: 'item'; readonly of: Expression; readonly key: Expression }
  | { readonly type: 'slice'; readonly of: Expression; readonly bounds: readonly (Expression | undefined)[] }
  | { readonly type: 'call'; readonly of: Expression; readonly args: Arguments }
  | { readonly type: 'filter'; readonly of: Expression; readonly name: string; readonly args: Arguments }
  | { readonly type: 'test'; readonly of: Expression; readonly name: string; readonly args: Arguments }

/** What a value is assigned to. */
export type Target =
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'member'; readonly name: string; readonly attribute: string }
  | { readonly type: 'tuple'; readonly targets: readonly Target[] }

/** A parameter of a macro. */
export interface Parameter {
  readonly name: string
  readonly fallback: Expression | undefined
}

/** A function written in a template. */
export interface Macro {
  readonly name: string
  readonly parameters: readonly Parameter[]
  readonly body: readonly Statement[]
  /** Names that the body reads; `varargs` and `kwargs` among them say that it takes further arguments. */
  readonly names: ReadonlySet<string>
}

/** What produces text or changes a name. */
export type Statement =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'output'; readonly value: Expression }
  | {
      readonly type: 'if'
      readonly branches: readonly (readonly [test: Expression, body: readonly Statement[]])[]
      readonly otherwise: readonly Statement[]
    }
  | {
      readonly type: 'for'
      readonly target: Target
      readonly items: Expression
      readonly filter: Expression | undefined
      readonly body: readonly Statement[]
      readonly otherwise: readonly Statement[]
      readonly recursive: boolean
    }
  | { readonly type: 'break' | 'continue' }
  | { readonly type: 'set'; readonly target: Target; readonly value: Expression }
  | {
      readonly type: 'set-block'
      readonly target: Target
      readonly filters: readonly FilterCall[]
      readonly body: readonly Statement[]
    }
  | {
      readonly type: 'with'
      readonly assignments: readonly (readonly [Target, Expression])[]
      readonly body: readonly Statement[]
    }
  | { readonly type: 'macro'; readonly macro: Macro }
  | { readonly type: 'call-block'; readonly call: Expression; readonly caller: Macro }
  | { readonly type: 'filter-block'; readonly filters: readonly FilterCall[]; readonly body: readonly Statement[] }
  | { readonly type: 'generation'; readonly body: readonly Statement[] }

/** A filter with its arguments, waiting for a value. */
export interface FilterCall {
  readonly name: string
  readonly args: Arguments
}
