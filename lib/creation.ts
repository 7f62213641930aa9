// Tensors made from JavaScript data, from constants and from random numbers.
import type { DeviceName, DType } from '../types/dtype.js'
import { defaultDevice } from './devices.js'
import { ShapeError, ValueError } from './errors.js'
import { native } from './native.js'
import { type NestedArray, type Tensor, wrap } from './tensor.js'

export interface TensorOptions {
  /** Default: float32, or what the data's own type says. */
  dtype?: DType
  /** Default: the device set with `setDefaultDevice`, at first the best one. */
  device?: DeviceName
  /** Default false. */
  requiresGrad?: boolean
}

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

function finish(handle: number, options: TensorOptions): Tensor {
  const result = wrap(handle)
  return options.requiresGrad ? result.requiresGrad_() : result
}

const arrayOf = {
  float32: Float32Array,
  float64: Float64Array,
  bfloat16: Float32Array,
  float16: Float32Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const

function naturalType(data: unknown): DType {
  if (data instanceof Float64Array) return 'float64'
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return 'uint8'
  if (data instanceof Float32Array) return 'float32'
  if (ArrayBuffer.isView(data)) return 'int32'
  let first = data
  while (Array.isArray(first)) first = first[0]
  return typeof first === 'boolean' ? 'bool' : 'float32'
}

function shapeOf(data: NestedArray): number[] {
  const shape: number[] = []
  for (let level: NestedArray | undefined = data; Array.isArray(level); level = level[0]) shape.push(level.length)
  return shape
}

/** Writes nested arrays into `target`, checking that they are rectangular and hold numbers. */
function flattenInto(target: { [index: number]: number }, data: NestedArray, shape: readonly number[]): void {
  let next = 0
  const visit = (value: NestedArray, axis: number): void => {
    if (axis === shape.length) {
      if (typeof value !== 'number' && typeof value !== 'boolean') {
        throw Array.isArray(value)
          ? new ShapeError(`tensor: the nested arrays are ragged, expected shape [${shape.join(', ')}] throughout`)
          : new ValueError(
              `tensor: an element is ${value === null ? 'null' : `a ${typeof value}`}, expected numbers or booleans`,
            )
      }
      target[next++] = Number(value)
      return
    }
    if (!Array.isArray(value) || value.length !== shape[axis]) {
      throw new ShapeError(`tensor: the nested arrays are ragged, expected shape [${shape.join(', ')}] throughout`)
    }
    for (const item of value) visit(item, axis + 1)
  }
  visit(data, 0)
}

/**
 * A tensor with a copy of `data`: a number, nested arrays (rectangular; numbers become float32, booleans bool), or a typed array
 * with its `shape` (default: one dimension; its own type decides the dtype).
 * Throws ShapeError for ragged arrays or a shape of another size, ValueError for elements that are no numbers.
 *
 * @example tensor([[1, 2], [3, 4]])
 * @example tensor(pixels, { shape: [1, 28, 28] })
 */
export function tensor(
  data: NestedArray | TypedArray,
  options: TensorOptions & { shape?: readonly number[] } = {},
): Tensor {
  const device = options.device ?? defaultDevice()
  const dtype = options.dtype ?? naturalType(data)
  const Target = arrayOf[dtype]
  if (Target === undefined)
    throw new ValueError(`tensor: dtype is '${String(dtype)}', expected one of ${Object.keys(arrayOf).join(', ')}`)
  let flat: NodeJS.TypedArray
  let shape: readonly number[]
  if (ArrayBuffer.isView(data)) {
    shape = options.shape ?? [data.length]
    if (dtype === 'bool') flat = Uint8Array.from(data as Uint8Array, (value) => (value ? 1 : 0))
    else flat = data instanceof Target ? data : new Target(Array.from(data as ArrayLike<number | bigint>, Number))
  } else {
    const natural = shapeOf(data)
    shape = options.shape ?? natural
    flat = new Target(natural.reduce((product, size) => product * size, 1))
    flattenInto(flat as Float32Array, data, natural)
    if (dtype === 'bool') flat = (flat as Uint8Array).map((value) => (value ? 1 : 0))
  }
  const isHalf = dtype === 'bfloat16' || dtype === 'float16'
  const handle = native.fromData(device, isHalf ? 'float32' : dtype, shape, flat)
  if (!isHalf) return finish(handle, options)
  const half = native.ops.cast(handle, dtype)
  native.dispose(handle)
  return finish(half, options)
}

/** A tensor of `shape` with every element `value`. @example full([2, 3], 0.5) */
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  const { dtype = 'float32', device = defaultDevice() } = options
  return finish(native.ops.fill(device, shape, dtype, value), options)
}
/** A tensor of zeros. @example zeros([2, 3]) */
export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 0, options)
}
/** A tensor of ones. @example ones([2, 3]) */
export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 1, options)
}
/** Zeros with the shape, type and device of `like`. @example zerosLike(x) */
export function zerosLike(like: Tensor, options: TensorOptions = {}): Tensor {
  return zeros(like.shape, { dtype: like.dtype, device: like.device, ...options })
}
/** Ones with the shape, type and device of `like`. @example onesLike(x) */
export function onesLike(like: Tensor, options: TensorOptions = {}): Tensor {
  return ones(like.shape, { dtype: like.dtype, device: like.device, ...options })
}

/**
 * The numbers start, start + step, … below end. `arange(n)` counts from 0.
 *
 * @example arange(0, 16).reshape([4, 4])
 */
export function arange(start: number, end?: number, options: TensorOptions & { step?: number } = {}): Tensor {
  const [first, last] = end === undefined ? [0, start] : [start, end]
  const step = options.step ?? 1
  const length = Math.max(0, Math.ceil((last - first) / step))
  if (step === 0 || !Number.isFinite(length))
    throw new ValueError(`arange: ${first} … ${last} in steps of ${step}, expected a finite range`)
  return generated(options, (device, dtype) => native.range('arange', device, dtype, length, first, step))
}

/** `steps` numbers from start to end, both included. @example linspace(0, 1, 5) */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  if (!Number.isInteger(steps) || steps < 0)
    throw new ValueError(`linspace: steps is ${steps}, expected a whole number of 0 or more`)
  const step = steps > 1 ? (end - start) / (steps - 1) : 0
  return generated(options, (device, dtype) => native.range('linspace', device, dtype, steps, start, step))
}

/** The identity matrix of n rows. @example eye(3) */
export function eye(n: number, options: TensorOptions = {}): Tensor {
  return generated(options, (device, dtype) => native.eye(device, dtype, n))
}

/** What `make` makes in the type asked for; a half type is rounded from float32. */
function generated(options: TensorOptions, make: (device: DeviceName, dtype: DType) => number): Tensor {
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

/** Uniform random numbers in [low, high), by default [0, 1). @example rand([2, 3]) */
export function rand(shape: readonly number[], options: TensorOptions & { low?: number; high?: number } = {}): Tensor {
  const { dtype = 'float32', device = defaultDevice(), low = 0, high = 1 } = options
  return finish(native.ops.uniform(device, shape, dtype, low, high, native.seed(), native.nextOffset()), options)
}
/** Normal random numbers, by default of mean 0 and standard deviation 1. @example randn([2, 3]) */
export function randn(shape: readonly number[], options: TensorOptions & { mean?: number; std?: number } = {}): Tensor {
  const { dtype = 'float32', device = defaultDevice(), mean = 0, std = 1 } = options
  return finish(native.ops.normal(device, shape, dtype, mean, std, native.seed(), native.nextOffset()), options)
}
/** A random order of 0 … n−1, int32. @example randperm(10) */
export function randperm(n: number, options: Pick<TensorOptions, 'device'> = {}): Tensor {
  return wrap(native.ops.permutation(options.device ?? defaultDevice(), n, native.seed(), native.nextOffset()))
}
/** Whole random numbers in [low, high), int32. @example randint(0, 10, [64]) */
export function randint(
  low: number,
  high: number,
  shape: readonly number[],
  options: Pick<TensorOptions, 'device'> = {},
): Tensor {
  if (!(high > low)) throw new ValueError(`randint: [${low}, ${high}) is empty, expected low < high`)
  const uniform = rand(shape, { ...options, low, high })
  const floor = uniform.floor().clamp({ max: high - 1 })
  const result = floor.to('int32')
  uniform.dispose()
  floor.dispose()
  return result
}

/**
 * Sets the seed of all random numbers (weights, dropout, `rand`, …) of this thread and starts their counter anew:
 * the same program then gives the same numbers on every device.
 *
 * @example manualSeed(42)
 */
export function manualSeed(seed: number): void {
  native.manualSeed(seed)
}
/** Seed and counter of the random numbers: what a checkpoint keeps. */
export interface RandomState {
  seed: number
  offset: number
}
export function getRandomState(): RandomState {
  return { seed: native.seed(), offset: native.offset() }
}
export function setRandomState(state: RandomState): void {
  native.manualSeed(state.seed)
  native.setOffset(state.offset)
}
