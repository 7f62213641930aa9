// Tensors made from JavaScript data, from constants and from random numbers.
import type { DeviceName, DType } from '../types/dtype.js'
import type { NestedArray } from '../types/tensor.js'
import {
  type Checks,
  checkBoolean,
  checkFinite,
  checkInteger,
  checkNumber,
  checkObject,
  checkOptions,
  checkString,
  refuse,
} from './check.js'
import { defaultDevice } from './devices.js'
import { ValueError } from './errors.js'
import { checkDType, checkFits, checkShape, hostElements } from './host-data.js'
import './functional/methods.js'
import { native } from './native.js'
import { Tensor, wrap } from './tensor.js'
import { tidy } from './tidy.js'

/** What the functions that make tensors share. */
export interface TensorOptions<D extends DType = DType> {
  /** Default: float32, or what the data's own type says. */
  dtype?: D
  /** Default: the device set with `setDefaultDevice`, at first the best one. */
  device?: DeviceName
  /** Default false. */
  requiresGrad?: boolean
}

/** Typed arrays of any realm. */
type TypedArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint8Array
  | Int8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Nested arrays whose rows may be typed arrays. */
type Data = NestedArray | TypedArray | readonly Data[]

/** The element type that data has by itself. */
type DTypeOfData<T> = Data extends T
  ? DType
  : T extends Float32Array | number
    ? 'float32'
    : T extends boolean
      ? 'bool'
      : T extends Float64Array
        ? 'float64'
        : T extends Uint8Array | Uint8ClampedArray
          ? 'uint8'
          : T extends TypedArray
            ? 'int32'
            : T extends readonly (infer Row)[]
              ? NestedArray extends Row
                ? DType
                : [Row] extends [never]
                  ? 'float32'
                  : DTypeOfData<Row>
              : DType

const tensorOptions: Checks<TensorOptions> = { dtype: checkDType, device: checkString, requiresGrad: checkBoolean }
const dataOptions = { ...tensorOptions, shape: (op: string, _: string, shape: unknown) => checkShape(op, shape) }
const uniformOptions = { ...tensorOptions, low: checkFinite, high: checkFinite }
const normalOptions = { ...tensorOptions, mean: checkFinite, std: checkFinite }
const rangeOptions = { ...tensorOptions, step: checkFinite }
const deviceOption: Checks<Pick<TensorOptions, 'device'>> = { device: checkString }

/** The tensor of a new handle, which is freed where it cannot have a gradient. */
function finish<D extends DType>(handle: number, { requiresGrad = false }: TensorOptions<D>): Tensor<D> {
  const result = wrap<D>(handle)
  if (!requiresGrad) return result
  try {
    return result.requiresGrad_()
  } catch (error) {
    result.dispose()
    throw error
  }
}

/**
 * A tensor with a copy of `data`: a number, nested arrays (rectangular), or a typed array with its `shape` (default: one dimension).
 *
 * Without `dtype`, numbers become float32, booleans bool, a mix of both float32; typed arrays of any realm keep their type: Float32Array
 * (float32), Float64Array (float64), Float16Array (float16), Uint8Array and Uint8ClampedArray (uint8), all other integers int32. Rows
 * may be typed arrays; rows of several types become float32.
 *
 * With an integer type, fractions are cut off and what does not fit is refused: numbers outside of [−2³¹, 2³¹ − 1] (int32) or [0, 255]
 * (uint8), NaN, infinities. With bool, all but 0 is true. Numbers for float32 and the half types are rounded to them.
 *
 * @throws ShapeError for ragged arrays or a shape of another size, ValueError for elements that are no numbers or do not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.tensor.html
 * @example tensor([[1, 2], [3, 4]])
 * @example tensor(pixels, { shape: [1, 28, 28] })
 */
export function tensor<D extends DType>(
  data: Data,
  options: TensorOptions & { dtype: D; shape?: readonly number[] },
): Tensor<D>
export function tensor<T extends Data>(
  data: T,
  options?: TensorOptions & { dtype?: undefined; shape?: readonly number[] },
): Tensor<DTypeOfData<T>>
export function tensor(data: Data, options?: TensorOptions & { shape?: readonly number[] }): Tensor
export function tensor(data: Data, options: TensorOptions & { shape?: readonly number[] } = {}): Tensor {
  checkOptions('tensor', options, dataOptions)
  const host = hostElements('tensor', data, options.dtype)
  return fromHost(host.dtype, options.shape ?? host.shape, host.data, options)
}

/** Elements in memory as a tensor; half types come as float32. */
function fromHost(dtype: DType, shape: readonly number[], data: NodeJS.TypedArray, options: TensorOptions): Tensor {
  const device = options.device ?? defaultDevice()
  const isHalf = dtype === 'bfloat16' || dtype === 'float16'
  const handle = native.fromData(device, isHalf ? 'float32' : dtype, shape, data)
  if (!isHalf) return finish(handle, options)
  try {
    return finish(native.ops.cast(handle, dtype), options)
  } finally {
    native.dispose(handle)
  }
}

function filled<D extends DType>(
  op: string,
  shape: readonly number[],
  value: number,
  options: TensorOptions,
): Tensor<D> {
  const { dtype = 'float32', device = defaultDevice() } = checkOptions(op, options, tensorOptions)
  checkShape(op, shape)
  checkNumber(op, 'value', value)
  return finish(native.ops.fill(device, shape, dtype, value), options)
}

/**
 * A tensor of `shape` with every element `value`. Defaults: float32, on the default device.
 * @throws ValueError for a value that the type cannot hold: a fraction or a number out of range for integers, other than 0 and 1 for bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.full.html
 * @example full([2, 3], 0.5)
 */
export function full<D extends DType = 'float32'>(
  shape: readonly number[],
  value: number,
  options: TensorOptions<D> = {},
): Tensor<D> {
  return filled('full', shape, value, options)
}
/**
 * A tensor of zeros. Defaults: float32, on the default device.
 * @throws ShapeError for a negative size, ValueError for a shape or options of another kind, DTypeError for an unknown type.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.zeros.html
 * @example zeros([2, 3])
 */
export function zeros<D extends DType = 'float32'>(
  shape: readonly number[],
  options: TensorOptions<D> = {},
): Tensor<D> {
  return filled('zeros', shape, 0, options)
}
/**
 * A tensor of ones. Defaults: float32, on the default device.
 * @throws ShapeError for a negative size, ValueError for a shape or options of another kind, DTypeError for an unknown type.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.ones.html
 * @example ones([2, 3])
 */
export function ones<D extends DType = 'float32'>(shape: readonly number[], options: TensorOptions<D> = {}): Tensor<D> {
  return filled('ones', shape, 1, options)
}
function filledLike<D extends DType>(op: string, like: Tensor, value: number, options: TensorOptions): Tensor<D> {
  if (!(like instanceof Tensor)) refuse(op, 'like', like, 'a tensor')
  checkOptions(op, options, tensorOptions)
  const { dtype = like.dtype, device = like.device, requiresGrad = false } = options
  return filled(op, like.shape, value, { dtype, device, requiresGrad })
}
/**
 * Zeros with the shape, type and device of `like`.
 * @throws ValueError when like is no tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.zeros_like.html
 * @example zerosLike(x)
 */
export function zerosLike<Like extends DType, D extends DType = Like>(
  like: Tensor<Like>,
  options: TensorOptions<D> = {},
): Tensor<D> {
  return filledLike('zerosLike', like, 0, options)
}
/**
 * Ones with the shape, type and device of `like`.
 * @throws ValueError when like is no tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.ones_like.html
 * @example onesLike(x)
 */
export function onesLike<Like extends DType, D extends DType = Like>(
  like: Tensor<Like>,
  options: TensorOptions<D> = {},
): Tensor<D> {
  return filledLike('onesLike', like, 1, options)
}

/**
 * The numbers start, start + step, … below end. `arange(n)` counts from 0.
 * @throws ValueError for a step of 0, an infinite range, and numbers that an integer type cannot hold.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.arange.html
 * @example arange(0, 16).reshape([4, 4])
 */
export function arange<D extends DType = 'float32'>(
  start: number,
  end?: number,
  options: TensorOptions<D> & { step?: number } = {},
): Tensor<D> {
  checkFinite('arange', end === undefined ? 'end' : 'start', start)
  if (end !== undefined) checkFinite('arange', 'end', end)
  const [first, last] = end === undefined ? [0, start] : [start, end]
  const { step = 1 } = checkOptions('arange', options, rangeOptions)
  const length = Math.max(0, Math.ceil((last - first) / step))
  if (step === 0 || !Number.isSafeInteger(length))
    throw new ValueError(`arange: ${first} … ${last} in steps of ${step}, expected a finite range`)
  return generated(options, (device, dtype) => native.range('arange', device, dtype, length, first, step))
}

/**
 * `steps` numbers from start to end, both included: shape [steps].
 * @throws ValueError for infinite bounds, a negative number of steps, and numbers that an integer type cannot hold.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.linspace.html
 * @example linspace(0, 1, 5)
 */
export function linspace<D extends DType = 'float32'>(
  start: number,
  end: number,
  steps: number,
  options: TensorOptions<D> = {},
): Tensor<D> {
  checkFinite('linspace', 'start', start)
  checkFinite('linspace', 'end', end)
  checkInteger('linspace', 'steps', steps, 0)
  checkOptions('linspace', options, tensorOptions)
  const step = steps > 1 ? (end - start) / (steps - 1) : 0
  return generated(options, (device, dtype) => native.range('linspace', device, dtype, steps, start, step))
}

/**
 * The identity matrix of n rows: shape [n, n].
 * @throws ValueError when n is no whole number of at least 0.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.eye.html
 * @example eye(3)
 */
export function eye<D extends DType = 'float32'>(n: number, options: TensorOptions<D> = {}): Tensor<D> {
  checkInteger('eye', 'n', n, 0)
  checkOptions('eye', options, tensorOptions)
  return generated(options, (device, dtype) => native.eye(device, dtype, n))
}

/** What `make` makes in the type asked for; a half type is rounded from float32. */
function generated<D extends DType>(
  options: TensorOptions,
  make: (device: DeviceName, dtype: DType) => number,
): Tensor<D> {
  const { dtype = 'float32', device = defaultDevice() } = options
  return finish(
    withHalf(dtype, (type) => make(device, type)),
    options,
  )
}

function withHalf(dtype: DType, make: (dtype: DType) => number): number {
  if (dtype !== 'bfloat16' && dtype !== 'float16') return make(dtype)
  const wide = make('float32')
  try {
    return native.ops.cast(wide, dtype)
  } finally {
    native.dispose(wide)
  }
}

/**
 * Uniform random numbers in [low, high), by default [0, 1).
 * @throws ValueError for infinite bounds, DTypeError for an integer type.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.rand.html
 * @example rand([2, 3])
 */
export function rand<D extends DType = 'float32'>(
  shape: readonly number[],
  options: TensorOptions<D> & { low?: number; high?: number } = {},
): Tensor<D> {
  const {
    dtype = 'float32',
    device = defaultDevice(),
    low = 0,
    high = 1,
  } = checkOptions('rand', options, uniformOptions)
  checkShape('rand', shape)
  return finish(native.ops.uniform(device, shape, dtype, low, high, native.seed(), native.nextOffset()), options)
}
/**
 * Normal random numbers, by default of mean 0 and standard deviation 1.
 * @throws ValueError for an infinite mean or deviation, DTypeError for an integer type.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.randn.html
 * @example randn([2, 3])
 */
export function randn<D extends DType = 'float32'>(
  shape: readonly number[],
  options: TensorOptions<D> & { mean?: number; std?: number } = {},
): Tensor<D> {
  const {
    dtype = 'float32',
    device = defaultDevice(),
    mean = 0,
    std = 1,
  } = checkOptions('randn', options, normalOptions)
  checkShape('randn', shape)
  return finish(native.ops.normal(device, shape, dtype, mean, std, native.seed(), native.nextOffset()), options)
}
/**
 * A random order of 0 … n−1: int32 [n].
 * @throws ValueError when n is no whole number of at least 0.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.randperm.html
 * @example randperm(10)
 */
export function randperm(n: number, options: Pick<TensorOptions, 'device'> = {}): Tensor<'int32'> {
  checkInteger('randperm', 'n', n, 0)
  const { device = defaultDevice() } = checkOptions('randperm', options, deviceOption)
  return wrap(native.ops.permutation(device, n, native.seed(), native.nextOffset()))
}
/**
 * Whole random numbers in [low, high), int32.
 * @throws ValueError when there is none in [low, high), or int32 cannot hold them.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.randint.html
 * @example randint(0, 10, [64])
 */
export function randint(
  low: number,
  high: number,
  shape: readonly number[],
  options: Pick<TensorOptions, 'device'> = {},
): Tensor<'int32'> {
  checkInteger('randint', 'low', low)
  checkInteger('randint', 'high', high)
  if (!(high > low)) throw new ValueError(`randint: [${low}, ${high}) is empty, expected low < high`)
  checkFits('randint', 'low', low, 'int32')
  checkFits('randint', 'high - 1', high - 1, 'int32')
  checkOptions('randint', options, deviceOption)
  const { device = defaultDevice() } = options
  return tidy(() => {
    const isWide = Math.max(Math.abs(low), Math.abs(high), high - low) > 2 ** 24
    const draw = isWide ? wideDraw(low, high, shape) : rand(shape, { device, low, high })
    return draw
      .floor()
      .clamp({ max: high - 1 })
      .to('int32')
      .to(device)
  })
}

/** Beyond what float32 counts one by one: in float64, which the cpu computes, from two draws, since one has 24 bits. */
function wideDraw(low: number, high: number, shape: readonly number[]): Tensor {
  const options = { dtype: 'float64', device: 'cpu' } as const
  const coarse = rand(shape, { ...options, low, high })
  return coarse.add(rand(shape, { ...options, low: 0, high: (high - low) / 2 ** 24 }))
}

/**
 * Sets the seed of all random numbers (weights, dropout, `rand`, …) of this thread and starts their counter anew:
 * the same program then gives the same numbers on every device.
 *
 * @throws ValueError for a seed that is no whole number.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.manual_seed.html
 * @example manualSeed(42)
 */
export function manualSeed(seed: number): void {
  native.manualSeed(seed)
}
/** Seed and counter of the random numbers: what a checkpoint keeps. */
export interface RandomState {
  /** What `manualSeed` was given. */
  seed: number
  /** How many draws there were since. */
  offset: number
}
/**
 * Seed and counter of this thread's random numbers, as they are now.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.get_rng_state.html
 * @example const state = getRandomState()
 */
export function getRandomState(): RandomState {
  return { seed: native.seed(), offset: native.offset() }
}
/**
 * Goes on with random numbers where `getRandomState()` was called.
 * @throws ValueError for what is no state.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.set_rng_state.html
 * @example setRandomState({ seed: 42, offset: 0 })
 */
export function setRandomState(state: RandomState): void {
  checkObject('setRandomState', 'state', state)
  native.manualSeed(state.seed)
  native.setOffset(state.offset)
}
