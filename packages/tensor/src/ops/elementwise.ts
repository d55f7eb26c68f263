import { type DType, isFloating } from '../dtype'
import { type Lowering, microsoft } from '../onnx/lowering'
import { lowerSine } from '../onnx/sine'
import { count, stretch, type Value } from '../reference/value'
import { broadcastShapes } from '../shape'
import {
  apply,
  type Op,
  requireBool,
  requireFloating,
  requireNumeric,
  scalarValue,
  type Tensor,
  type TensorLike,
  type TensorType,
  unify,
} from '../tensor'
import { unbroadcast } from './reshape'

interface UnaryRule {
  readonly onnx: string | ((onnx: Lowering, x: string) => string)
  readonly evaluate: (x: number) => number
  /** Gradient of x from the result y and its cotangent g; undefined for piecewise-constant functions. */
  readonly gradient?: (g: Tensor, x: Tensor, y: Tensor) => Tensor
  /** Throws DTypeError for operands that the function is not defined on; default: all but floats. */
  readonly require?: (name: string, x: TensorType) => void
}

const unary = (name: string, rule: UnaryRule): ((x: Tensor) => Tensor) => {
  const requireType = rule.require ?? requireFloating
  const op: Op<undefined> = {
    name,
    infer: ([x]) => {
      requireType(name, x!)
      return { dtype: x!.dtype, shape: x!.shape }
    },
    gradient: rule.gradient ? ({ inputs: [x], outputs: [y] }, [g]) => [() => rule.gradient!(g!, x!, y!)] : 'none',
    lower: (onnx, [x]) => (typeof rule.onnx === 'string' ? onnx.node(rule.onnx, [x!]) : rule.onnx(onnx, x!)),
    evaluate: ([x]) => ({ shape: x!.shape, data: x!.data.map(rule.evaluate) }),
  }
  return (x) => apply(op, [x], undefined)
}

interface BinaryRule {
  readonly onnx: string
  readonly evaluate: (a: number, b: number, dtype: DType) => number
  readonly gradient?: (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => [() => Tensor, () => Tensor]
  /** Result type when it is not that of the operands. */
  readonly result?: DType
  /** Throws DTypeError for operands that the function is not defined on; default: all that programs compute with. */
  readonly require?: (name: string, ...operands: readonly TensorType[]) => void
}

const pairwise = (a: Value, b: Value, shape: readonly number[], f: (a: number, b: number) => number): Value => {
  const left = stretch(a, shape)
  const right = stretch(b, shape)
  const data = new Float64Array(count(shape))
  for (let i = 0; i < data.length; i++) data[i] = f(left[i]!, right[i]!)
  return { shape, data }
}

const binary = (name: string, rule: BinaryRule): ((a: TensorLike, b: TensorLike) => Tensor) => {
  const requireType = rule.require ?? requireNumeric
  const op: Op<undefined> = {
    name,
    infer: ([a, b]) => {
      requireType(name, a!, b!)
      return { dtype: rule.result ?? a!.dtype, shape: broadcastShapes(name, a!.shape, b!.shape) }
    },
    gradient: rule.gradient
      ? ({ inputs: [a, b], outputs: [y] }, [g]) => {
          const [left, right] = rule.gradient!(g!, a!, b!, y!)
          return [() => unbroadcast(left(), a!.shape), () => unbroadcast(right(), b!.shape)]
        }
      : 'none',
    lower: (onnx, [a, b]) => onnx.node(rule.onnx, [a!, b!]),
    evaluate: ([a, b], _, { outputs: [output] }) => {
      const dtype = output!.dtype
      return pairwise(a!, b!, output!.shape, (x, y) => rule.evaluate(x, y, dtype))
    },
  }
  return (a, b) => apply(op, unify(name, a, b), undefined)
}

/** −x, any shape. */
export const neg = unary('neg', { onnx: 'Neg', evaluate: (x) => -x, gradient: (g) => neg(g), require: requireNumeric })
/** e^x. */
export const exp = unary('exp', { onnx: 'Exp', evaluate: Math.exp, gradient: (g, _, y) => mul(g, y) })
/** Natural logarithm; −Infinity at 0, NaN below. */
export const log = unary('log', { onnx: 'Log', evaluate: Math.log, gradient: (g, x) => div(g, x) })
/** √x; NaN below 0. */
export const sqrt = unary('sqrt', { onnx: 'Sqrt', evaluate: Math.sqrt, gradient: (g, _, y) => div(mul(g, 0.5), y) })
/** 1/x. */
export const reciprocal = unary('reciprocal', {
  onnx: 'Reciprocal',
  evaluate: (x) => 1 / x,
  gradient: (g, _, y) => neg(mul(g, mul(y, y))),
})
/** |x|; gradient 0 at 0. */
export const abs = unary('abs', {
  onnx: 'Abs',
  evaluate: Math.abs,
  gradient: (g, x) => mul(g, sign(x)),
  require: requireNumeric,
})
/** −1, 0 or 1. */
export const sign = unary('sign', { onnx: 'Sign', evaluate: Math.sign, require: requireNumeric })
/** Largest integer not above x. */
export const floor = unary('floor', { onnx: 'Floor', evaluate: Math.floor })
/** Smallest integer not below x. */
export const ceil = unary('ceil', { onnx: 'Ceil', evaluate: Math.ceil })
/** Nearest integer, halves to even. */
export const round = unary('round', {
  onnx: 'Round',
  evaluate: (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)),
})
/** Sine of x in radians. */
export const sin = unary('sin', {
  onnx: (onnx, x) => lowerSine(onnx, x, { cosine: false }),
  evaluate: Math.sin,
  gradient: (g, x) => mul(g, cos(x)),
})
/** Cosine of x in radians. */
export const cos = unary('cos', {
  onnx: (onnx, x) => lowerSine(onnx, x, { cosine: true }),
  evaluate: Math.cos,
  gradient: (g, x) => neg(mul(g, sin(x))),
})
/** Hyperbolic tangent. */
export const tanh = unary('tanh', {
  onnx: 'Tanh',
  evaluate: Math.tanh,
  gradient: (g, _, y) => mul(g, sub(1, mul(y, y))),
})
/** 1 / (1 + e^−x). */
export const sigmoid = unary('sigmoid', {
  onnx: 'Sigmoid',
  evaluate: (x) => 1 / (1 + Math.exp(-x)),
  gradient: (g, _, y) => mul(g, mul(y, sub(1, y))),
})
/** log(1 + e^x), exact also where e^x overflows or vanishes. */
export const softplus = unary('softplus', {
  onnx: 'Softplus',
  evaluate: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  gradient: (g, x) => mul(g, sigmoid(x)),
})
/** Gauss error function. */
export const erf = unary('erf', {
  onnx: 'Erf',
  evaluate: (x) => erfValue(x),
  gradient: (g, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
})
/** max(x, 0); gradient 0 at 0. */
export const relu = unary('relu', {
  onnx: 'Relu',
  evaluate: (x) => Math.max(x, 0), // NaN stays
  gradient: (g, _, y) => mul(g, sign(y)),
})
/** x · sigmoid(x) (SiLU, swish). */
export const silu = unary('silu', {
  onnx: (onnx, x) => onnx.node('QuickGelu', [x], { alpha: { float: 1 } }, microsoft),
  evaluate: (x) => x / (1 + Math.exp(-x)),
  gradient: (g, x, y) => {
    const s = sigmoid(x)
    return mul(g, add(s, mul(y, sub(1, s)))) // d(xσ) = σ + xσ(1 − σ)
  },
})

/** a + b with broadcasting. */
export const add = simplified(
  binary('add', { onnx: 'Add', evaluate: (a, b) => a + b, gradient: (g) => [() => g, () => g] }),
  (a, b) => (isZero(b) ? a : isZero(a) ? b : undefined),
)
/** a − b with broadcasting. */
export const sub = simplified(
  binary('sub', { onnx: 'Sub', evaluate: (a, b) => a - b, gradient: (g) => [() => g, () => neg(g)] }),
  (a, b) => (isZero(b) ? a : undefined),
)
/** a · b with broadcasting. */
export const mul = simplified(
  binary('mul', {
    onnx: 'Mul',
    evaluate: (a, b) => a * b,
    gradient: (g, a, b) => [() => mul(g, b), () => mul(g, a)],
  }),
  (a, b) => (isOne(b) ? a : isOne(a) ? b : undefined),
)
/** a / b with broadcasting; integers truncate towards zero. */
export const div = simplified(
  binary('div', {
    onnx: 'Div',
    evaluate: (a, b, dtype) => (isFloating(dtype) ? a / b : Math.trunc(a / b)),
    gradient: (g, _, b, y) => [() => div(g, b), () => neg(div(mul(g, y), b))],
  }),
  (a, b) => (isOne(b) ? a : undefined),
)
/** a^b; the gradient for b needs a > 0. */
export const pow = binary('pow', {
  onnx: 'Pow',
  evaluate: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b), // IEEE 754
  gradient: (g, a, b, y) => [() => mul(g, mul(b, pow(a, sub(b, 1)))), () => mul(g, mul(y, log(a)))],
})
/** The larger of a and b; ties split the gradient evenly. */
export const maximum = binary('maximum', {
  onnx: 'Max',
  evaluate: (a, b) => Math.max(a, b),
  gradient: (g, a, b) => [() => mul(g, preference(a, b)), () => mul(g, preference(b, a))],
})
/** The smaller of a and b; ties split the gradient evenly. */
export const minimum = binary('minimum', {
  onnx: 'Min',
  evaluate: (a, b) => Math.min(a, b),
  gradient: (g, a, b) => [() => mul(g, preference(b, a)), () => mul(g, preference(a, b))],
})

/** 1 where a > b, ½ where equal, 0 where a < b. */
const preference = (a: Tensor, b: Tensor): Tensor => mul(add(sign(sub(a, b)), 1), 0.5)

/** a = b, as booleans; also for booleans. NaN equals nothing. */
export const equal = binary('equal', {
  onnx: 'Equal',
  evaluate: (a, b) => Number(a === b),
  result: 'bool',
  require: (name, a, b) => {
    if (a!.dtype !== 'bool') requireNumeric(name, a!, b!)
  },
})
/** a ≠ b, as booleans; also for booleans. */
export const notEqual = (a: TensorLike, b: TensorLike): Tensor => not(equal(a, b))
/** a < b, as booleans. */
export const less = binary('less', { onnx: 'Less', evaluate: (a, b) => Number(a < b), result: 'bool' })
/** a ≤ b, as booleans. */
export const lessEqual = binary('lessEqual', {
  onnx: 'LessOrEqual',
  evaluate: (a, b) => Number(a <= b),
  result: 'bool',
})
/** a > b, as booleans. */
export const greater = binary('greater', { onnx: 'Greater', evaluate: (a, b) => Number(a > b), result: 'bool' })
/** a ≥ b, as booleans. */
export const greaterEqual = binary('greaterEqual', {
  onnx: 'GreaterOrEqual',
  evaluate: (a, b) => Number(a >= b),
  result: 'bool',
})

const logical = (name: string, onnx: string, evaluate: (a: number, b: number) => number) => {
  const op = binary(name, { onnx, evaluate, require: requireBool })
  return (a: Tensor, b: Tensor): Tensor => {
    requireBool(name, a, b)
    return op(a, b)
  }
}
/** a and b, for booleans. */
export const and: (a: Tensor, b: Tensor) => Tensor = logical('and', 'And', (a, b) => Number(!!a && !!b))
/** a or b, for booleans. */
export const or: (a: Tensor, b: Tensor) => Tensor = logical('or', 'Or', (a, b) => Number(!!a || !!b))
/** Not x, for booleans. */
export const not = unary('not', { onnx: 'Not', evaluate: (x) => Number(!x), require: requireBool })
/** True where x is NaN. */
export const isNotANumber = (x: Tensor): Tensor => not(equal(x, x))

/** x². */
export const square = (x: Tensor): Tensor => mul(x, x)
/** 1/√x. */
export const rsqrt = (x: Tensor): Tensor => reciprocal(sqrt(x))
/** log(1/(1 + e^−x)), exact for every x; −1000 at −1000. */
export const logSigmoid = (x: Tensor): Tensor => neg(softplus(neg(x)))
/** GELU with the error function: x·Φ(x). */
export const gelu = (x: Tensor): Tensor => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1))
/** GELU with tanh, as GPT-2 and Gemma use it. */
export const geluTanh = (x: Tensor): Tensor => {
  const inner = mul(mul(x, add(mul(square(x), 0.044715), 1)), Math.sqrt(2 / Math.PI))
  return mul(mul(x, 0.5), add(tanh(inner), 1))
}
/** x held between `low` and `high`; gradient 0 outside. */
export const clip = (x: Tensor, low: number, high: number): Tensor => minimum(maximum(x, low), high)

function simplified(
  op: (a: TensorLike, b: TensorLike) => Tensor,
  rule: (a: TensorLike, b: TensorLike) => TensorLike | undefined,
): (a: TensorLike, b: TensorLike) => Tensor {
  return (a, b) => {
    const kept = rule(a, b)
    return kept === undefined || typeof kept === 'number' ? op(a, b) : kept
  }
}

const numberOf = (x: TensorLike): number | undefined => (typeof x === 'number' ? x : scalarValue(x))
function isZero(x: TensorLike): boolean {
  return numberOf(x) === 0
}
function isOne(x: TensorLike): boolean {
  return numberOf(x) === 1
}

/** erf in float64, by series below 2.5 and by continued fraction above; absolute error below 1e-15. */
const erfValue = (x: number): number => {
  const z = Math.abs(x)
  if (z > 6) return Math.sign(x)
  if (z < 2.5) {
    let term = z
    let sum = z
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= (-z * z) / n
      sum += term / (2 * n + 1)
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI)
  }
  let fraction = 0
  for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction)
  return Math.sign(x) * (1 - Math.exp(-z * z) / ((z + fraction) * Math.sqrt(Math.PI)))
}

/** `whenTrue` where `condition` holds, else `whenFalse`; all three broadcast. */
export const where = (condition: Tensor, whenTrue: TensorLike, whenFalse: TensorLike): Tensor => {
  requireBool('where', condition)
  const [a, b] = unify('where', whenTrue, whenFalse)
  if (a.dtype === 'bool') return or(and(condition, a), and(not(condition), b)) // there is no kernel for booleans
  return apply(whereOp, [condition, a, b], undefined)
}

const whereOp: Op<undefined> = {
  name: 'where',
  infer: ([condition, a, b]) => {
    requireNumeric('where', a!, b!)
    return {
      dtype: a!.dtype,
      shape: broadcastShapes('where', condition!.shape, broadcastShapes('where', a!.shape, b!.shape)),
    }
  },
  gradient: ({ inputs: [condition, a, b] }, [g]) => [
    undefined,
    () => unbroadcast(where(condition!, g!, 0), a!.shape),
    () => unbroadcast(where(condition!, 0, g!), b!.shape),
  ],
  lower: (onnx, inputs) => onnx.node('Where', inputs),
  evaluate: ([condition, a, b], _, { outputs: [output] }) => {
    const [test, yes, no] = [condition!, a!, b!].map((value) => stretch(value, output!.shape))
    return { shape: output!.shape, data: test!.map((value, i) => (value ? yes![i]! : no![i]!)) }
  },
}
