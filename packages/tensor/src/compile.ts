import { array, type NdArray } from './array'
import { shapeText } from './dimension'
import { convertElements, type DType, type TypedArray } from './dtype'
import { TensorError } from './errors'
import { type Executable, isResident, type LoadOptions, type Resident, type RunOptions, type Runtime } from './runtime'
import { disposedError } from './runtimes/call-queue'
import type { Tensor, TensorType } from './tensor'
import { isTensor, type Program, type Traced, type TypeTree, trace } from './trace'
import { requireFinite, withFiniteCounts } from './transform/check-finite'
import { leavesOf, type MapTree, mapTree } from './tree'

/** What a compiled program takes where the traced function takes a tensor. */
export type ArrayLike = NdArray | Resident | TypedArray | number

/** Arguments of a compiled program: arrays in the nesting of the traced function's arguments. */
export type Arguments<A> = { [K in keyof A]: MapTree<A[K], Tensor, ArrayLike> }
/** Result of a compiled program: arrays in the nesting of the traced function's result. */
export type Results<R> = MapTree<R, Tensor, NdArray>

/** Options of `compile`. */
export interface CompileOptions extends Omit<LoadOptions, 'carried'> {
  readonly runtime: Runtime
  /** Types of the arguments; without them the function is traced at its first call, for those shapes. */
  readonly inputs?: readonly TypeTree[]
  /**
   * True when the first argument is state that the function returns anew as the first member of its result.
   * It is then passed as resident arrays (`runtime.upload`), which every call updates in place.
   */
  readonly carry?: boolean
  /**
   * True to look for NaN and infinite elements in everything that the program computes: a call that has some throws a
   * TensorError `non-finite` that names the first op and the line of the source that applied it. For debugging: it costs
   * about as much as the program, and carried state has been updated by the time it throws.
   */
  readonly checkFinite?: boolean
  /** Name of the program in errors and printed traces. */
  readonly name?: string
}

/** A traced function that runs as one program. */
export interface Compiled<A extends readonly unknown[], R> extends AsyncDisposable {
  (...args: Arguments<A>): Promise<Results<R>>
  /** The same program for calls that a signal cancels: `step.with({ signal })(state, batch)`. */
  with(options: RunOptions): Compiled<A, R>
  /** Traces and loads now instead of at the first call. Needs `inputs`. */
  prepare(): Promise<Program>
  /** Frees the session; the runtime does so too when it is disposed. Later calls throw a TensorError `disposed`. */
  dispose(): Promise<void>
}

/**
 * `fn` as a program: traced once, differentiated where it asks for it, executed by one call of the runtime.
 *
 * @throws ShapeError, DTypeError, TensorError while tracing (in the stack of the offending line) or binding arguments
 */
export const compile = <A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  options: CompileOptions,
): Compiled<A, R> => {
  const { carry = false } = options
  let loading: Promise<Loaded<R>> | undefined
  let disposed = false
  const load = (inputs: readonly TypeTree[]) => {
    if (disposed) throw disposedError('program')
    loading ??= loadProgram(fn as (...args: never) => R, inputs, options)
    return loading
  }
  const dispose = async () => {
    disposed = true
    const loaded = await loading?.catch(() => undefined) // the call that loaded it has reported why it failed
    await loaded?.executable.dispose()
  }
  const withOptions = (running: RunOptions): Compiled<A, R> => {
    const call = async (...args: unknown[]) => {
      const loaded = await load(options.inputs ?? (mapTree(args, isArrayLike, typeOf) as readonly TypeTree[]))
      return run(loaded, args, carry, running)
    }
    return Object.assign(call, {
      with: withOptions,
      prepare: async () => {
        if (!options.inputs)
          throw new TensorError('argument', `prepare: expected declared inputs, got none. Pass 'inputs' to compile.`)
        return (await load(options.inputs)).traced.program
      },
      dispose,
      [Symbol.asyncDispose]: dispose,
    }) as unknown as Compiled<A, R>
  }
  return withOptions({})
}

interface Loaded<R> {
  readonly traced: Traced<R>
  readonly executable: Executable
  /** Values whose elements are counted in one more result; none unless `checkFinite`. */
  readonly checked: readonly Tensor[]
}

const loadProgram = async <R>(
  fn: (...args: never) => R,
  inputs: readonly TypeTree[],
  { runtime, name, prepack = false, carry = false, checkFinite = false }: CompileOptions,
): Promise<Loaded<R>> => {
  const traced = trace(fn as (...args: unknown[]) => R, inputs, {
    name: name ?? (fn.name || 'program'),
    origins: checkFinite,
  })
  const carried = carry ? requireState(traced) : 0
  const { program, values } = checkFinite ? withFiniteCounts(traced.program) : { program: traced.program, values: [] }
  return { traced, checked: values, executable: await runtime.load(program, { prepack, carried }) }
}

const run = async <R>(
  { traced, executable, checked }: Loaded<R>,
  args: readonly unknown[],
  carry: boolean,
  running: RunOptions,
): Promise<unknown> => {
  const { inputs } = traced.program
  const given = new Map(leavesOf(args, isArrayLike).map(({ path, leaf }) => [`in_${path}`, leaf]))
  const operands = inputs.map(({ name, dtype, shape }) => {
    const value = given.get(name)
    if (value === undefined)
      throw new TensorError(
        'argument',
        `run: argument ${name.slice(3)} of ${traced.program.name} must be given, got nothing. Pass an array.`,
        { argument: name.slice(3) },
      )
    return isResident(value) ? value : asArray(value, dtype, shape.length)
  })
  if (given.size > inputs.length) throw undeclared(traced.program, given.keys())
  const state = carry ? carriedState(args[0]) : []
  const total = traced.program.outputs.length + Math.sign(checked.length)
  const targets = Array.from({ length: total }, (_, i) => state[i])
  const results = await executable.run(operands, targets, running)
  if (checked.length > 0) requireFinite(traced.program.name, checked, results.at(-1)!.data as Float32Array)
  let next = 0
  return mapTree(traced.result, isTensor, () => {
    const index = next++
    return targets[index] ?? results[index]
  })
}

const undeclared = ({ name, inputs }: Program, given: Iterable<string>): TensorError => {
  const argument = [...given].find((path) => inputs.every((input) => input.name !== path))!.slice(3)
  return new TensorError(
    'argument',
    `run: arguments of ${name} must be declared, got one more at ${argument}. Leave it out, or declare its type.`,
    { argument },
  )
}

const carriedState = (state: unknown): Resident[] =>
  leavesOf(state, isArrayLike, '0').map(({ leaf, path }) => {
    if (isResident(leaf)) return leaf
    throw new TensorError(
      'argument',
      `run: carried state must be resident arrays, got an array at ${path}. Upload it with runtime.upload.`,
      { argument: path },
    )
  })

/** Number of arrays of the state, which is paired with what is returned for it by position: both must have one nesting, order and type. */
const requireState = ({ program, result }: Traced<unknown>): number => {
  const first = isTensor(result) ? result : Object.values(result as object)[0]
  const text = (path: string, { dtype, shape }: TensorType) => `${path} ${dtype}${shapeText(shape)}`.trim()
  const state = program.inputs.filter(({ name }) => name === 'in_0' || name.startsWith('in_0.'))
  const expected = state.map((input) => text(input.name.slice('in_0.'.length), input))
  const got = leavesOf(first, isTensor).map(({ path, leaf }) => text(path, leaf))
  const longer = expected.length > got.length ? expected : got
  const at = longer.findIndex((_, i) => expected[i] !== got[i])
  if (at >= 0)
    throw new TensorError(
      'argument',
      `compile: ${program.name} must return the carried state first, as it was given: ${expected[at] ?? 'no more'}, got ${got[at] ?? 'no more'}. Return every array of it in the same order and type.`,
      { argument: '0' },
    )
  return expected.length
}

const isArrayLike = (value: unknown): value is ArrayLike =>
  typeof value === 'number' || ArrayBuffer.isView(value) || isResident(value) || isNdArray(value)

const isNdArray = (value: unknown): value is NdArray =>
  typeof value === 'object' && value !== null && 'data' in value && 'shape' in value && 'dtype' in value

const typeOf = (value: ArrayLike): TensorType => {
  const { dtype, shape } = isResident(value) ? value : asArray(value, undefined)
  return { dtype: dtype === 'float64' ? 'float32' : dtype, shape }
}

const asArray = (value: Exclude<ArrayLike, Resident>, dtype?: DType, rank?: number): NdArray => {
  if (isNdArray(value)) return dtype && convertible(value.dtype, dtype) ? converted(value, dtype) : value
  const flat = array(value, dtype ? { dtype } : {})
  return rank === 0 && flat.data.length === 1 ? { ...flat, shape: [] } : flat
}

/** Integer widths convert silently, because no value can be lost unseen; everything else is the caller's choice. */
const convertible = (from: DType, to: DType): boolean =>
  (from === 'int32' && to === 'int64') || (from === 'float64' && to === 'float32')

const converted = (value: NdArray, dtype: DType): NdArray => ({
  dtype,
  shape: value.shape,
  data: convertElements(value.dtype, value.data, dtype),
})
