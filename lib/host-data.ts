// Converts the data that `tensor()` takes (numbers, nested and typed arrays) to flat typed arrays, with range checks.
import { types } from 'node:util'
import type { DType } from '../types/dtype.js'
import { checkList, checkNumber, integerFrom, refuse, textOf } from './check.js'
import { DTypeError, ShapeError, ValueError } from './errors.js'

export const dtypeNames = ['float32', 'float64', 'bfloat16', 'float16', 'int32', 'uint8', 'bool'] as const

/** The array in which elements travel to native code; half types travel as float32. */
const arrayOf = {
  float32: Float32Array,
  float64: Float64Array,
  bfloat16: Float32Array,
  float16: Float32Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const

/** The default dtype of each kind of typed array. Values of 64-bit and unsigned integers must fit int32. */
const naturalTypes: Readonly<Record<string, DType>> = {
  Float32Array: 'float32',
  Float64Array: 'float64',
  Float16Array: 'float16',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  Int8Array: 'int32',
  Int16Array: 'int32',
  Uint16Array: 'int32',
  Int32Array: 'int32',
  Uint32Array: 'int32',
  BigInt64Array: 'int32',
  BigUint64Array: 'int32',
}

/** The largest rank of a tensor. Deeper nesting is a mistake, such as an array that contains itself. */
const maxRank = 8

type AnyArray = ArrayLike<number | bigint> & NodeJS.TypedArray

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const tagOf = Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)!.get!

/** `'Float32Array'` for one of any realm (a vm context, a test runner); undefined for what is no typed array. */
function kindOf(value: unknown): string | undefined {
  return types.isTypedArray(value) ? (tagOf.call(value) as string) : undefined
}

/** Throws if the array's buffer was detached or shrunk: it would read as empty. */
function checkAttached(op: string, array: NodeJS.TypedArray): void {
  try {
    // Throws if the buffer is detached; the iterator is not used.
    Uint8Array.prototype.keys.call(array)
  } catch {
    throw new ValueError(
      `${op}: the typed array's memory is gone (it was transferred or shrunk), expected its elements`,
    )
  }
}

const ranges = { int32: [-(2 ** 31), 2 ** 31 - 1], uint8: [0, 255] } as const

/**
 * Refuses a number that an integer type cannot hold: outside its range, NaN and the infinities. Fractions are cut off, as PyTorch does.
 * @throws ValueError for a number that does not fit, or for what is no number.
 */
export function checkFits(op: string, name: string, value: unknown, dtype: DType): asserts value is number {
  checkNumber(op, name, value)
  if (dtype !== 'int32' && dtype !== 'uint8') return
  const [least, most] = ranges[dtype]
  if (!(value >= least && value <= most)) refuse(op, name, value, `${dtype}, from ${least} to ${most}`)
}

/** @throws DTypeError for what is no name of an element type. */
export function checkDType(op: string, name: string, value: unknown): asserts value is DType {
  if (dtypeNames.includes(value as DType)) return
  const came = typeof value === 'string' ? `'${value}'` : textOf(value)
  throw new DTypeError(`${op}: ${name} is ${came}, expected one of ${dtypeNames.join(', ')}`)
}

/** @throws ValueError for what is no list of whole numbers of at least 0. */
export function checkShape(op: string, shape: unknown): asserts shape is readonly number[] {
  checkList(op, 'shape', shape, 'whole numbers')
  for (let i = 0; i < shape.length; i++) {
    const size = shape[i]
    if (Number.isSafeInteger(size) && (size as number) < 0) {
      throw new ShapeError(`${op}: shape is ${textOf(shape)}, expected no negative size`)
    }
    integerFrom(0)(op, `shape[${i}]`, size)
  }
}

function emptyArray(op: string, dtype: DType, length: number): AnyArray {
  try {
    return new arrayOf[dtype](length) as AnyArray
  } catch {
    throw new ShapeError(`${op}: ${length} elements are more than an array can hold`)
  }
}

/** Writes numbers into an array of `dtype`, each with a range check. */
class Writer {
  readonly array: AnyArray
  readonly #op: string
  readonly #dtype: DType
  readonly #least: number
  readonly #most: number
  #next = 0

  constructor(op: string, dtype: DType, length: number) {
    this.#op = op
    this.#dtype = dtype
    const isInteger = dtype === 'int32' || dtype === 'uint8'
    this.#least = isInteger ? ranges[dtype][0] : Number.NEGATIVE_INFINITY
    this.#most = isInteger ? ranges[dtype][1] : Number.POSITIVE_INFINITY
    this.array = emptyArray(op, dtype, length)
  }

  push(value: unknown): void {
    const at = this.#next++
    if (typeof value !== 'number' && typeof value !== 'boolean') {
      throw new ValueError(`${this.#op}: element ${at} is ${textOf(value)}, expected numbers or booleans`)
    }
    const number = Number(value)
    if (this.#dtype === 'bool') this.array[at] = number === 0 ? 0 : 1
    else if (number >= this.#least && number <= this.#most) this.array[at] = number
    else this.#refuseUnlessFloat(number, at)
  }

  pushAll(values: AnyArray): void {
    if (this.#dtype === 'bool') {
      for (let i = 0; i < values.length; i++) this.array[this.#next++] = values[i] ? 1 : 0
      return
    }
    for (let i = 0; i < values.length; i++) {
      const value = Number(values[i])
      const at = this.#next++
      if (value >= this.#least && value <= this.#most) this.array[at] = value
      else this.#refuseUnlessFloat(value, at)
    }
  }

  #refuseUnlessFloat(value: number, at: number): void {
    if (this.#dtype === 'int32' || this.#dtype === 'uint8') checkFits(this.#op, `element ${at}`, value, this.#dtype)
    this.array[at] = value // NaN
  }
}

/** Shape and element type of nested arrays. */
interface Nested {
  shape: readonly number[]
  dtype: DType
}

/** The shape that all of the nested arrays share, and the type that their elements ask for. */
function measure(op: string, data: readonly unknown[]): Nested {
  const shape: number[] = []
  for (let level: unknown = data; ; level = (level as ArrayLike<unknown>)[0]) {
    const isTyped = types.isTypedArray(level)
    if (!isTyped && !Array.isArray(level)) break
    shape.push((level as ArrayLike<unknown>).length)
    if (shape.length > maxRank) {
      throw new ShapeError(
        `${op}: the arrays are nested more than ${maxRank} deep, expected at most ${maxRank} dimensions`,
      )
    }
    if (isTyped) break
  }
  const ragged = () =>
    new ShapeError(`${op}: the nested arrays are ragged, expected shape [${shape.join(', ')}] throughout`)
  // Checked before the elements are visited: a few shared rows can stand for any number of elements.
  const length = shape.reduce((product, size) => product * size, 1)
  if (length > 2 ** 33) throw new ShapeError(`${op}: ${length} elements are more than an array can hold`)
  const kinds = new Set<DType>()
  const visit = (value: unknown, axis: number): void => {
    if (types.isTypedArray(value)) {
      if (axis !== shape.length - 1 || value.length !== shape[axis]) throw ragged()
      checkAttached(op, value)
      kinds.add(naturalTypes[kindOf(value)!] ?? 'float32')
      return
    }
    if (!Array.isArray(value) || axis >= shape.length || value.length !== shape[axis]) throw ragged()
    const isLast = axis === shape.length - 1
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i]
      if (!isLast) visit(item, axis + 1)
      else if (Array.isArray(item) || types.isTypedArray(item)) throw ragged()
      else kinds.add(typeof item === 'boolean' ? 'bool' : 'float32')
    }
  }
  visit(data, 0)
  const [only] = kinds
  return { shape, dtype: kinds.size === 1 ? only! : 'float32' }
}

function pushNested(writer: Writer, data: readonly unknown[] | AnyArray): void {
  if (types.isTypedArray(data)) writer.pushAll(data as AnyArray)
  else {
    for (let i = 0; i < data.length; i++) {
      const item: unknown = data[i]
      if (Array.isArray(item) || types.isTypedArray(item)) pushNested(writer, item as readonly unknown[])
      else writer.push(item)
    }
  }
}

/** Elements in row-major order, ready for native code. */
export interface HostElements {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: NodeJS.TypedArray
}

/**
 * What `tensor()` and its like make a tensor of.
 * @throws ValueError for what is no data, and for numbers that do not fit; ShapeError for ragged arrays; DTypeError for an unknown dtype.
 */
export function hostElements(op: string, data: unknown, dtype: DType | undefined): HostElements {
  if (dtype !== undefined) checkDType(op, 'dtype', dtype)
  if (typeof data === 'number' || typeof data === 'boolean') {
    const type = dtype ?? (typeof data === 'boolean' ? 'bool' : 'float32')
    const writer = new Writer(op, type, 1)
    writer.push(data)
    return { dtype: type, shape: [], data: writer.array }
  }
  const kind = kindOf(data)
  if (kind !== undefined) {
    const array = data as AnyArray
    checkAttached(op, array)
    const type = dtype ?? naturalTypes[kind] ?? 'float32'
    const shape = [array.length]
    // No conversion needed; the array may come from another realm.
    if (type !== 'bool' && kind === arrayOf[type].name) return { dtype: type, shape, data: array }
    const writer = new Writer(op, type, array.length)
    writer.pushAll(array)
    return { dtype: type, shape, data: writer.array }
  }
  if (!Array.isArray(data)) {
    const isBytes = types.isAnyArrayBuffer(data) || types.isDataView(data)
    const came = isBytes
      ? `bytes without a type (${types.isDataView(data) ? 'a DataView' : 'an ArrayBuffer'})`
      : textOf(data)
    throw new ValueError(
      `${op}: its data is ${came}, expected a number, nested arrays or a typed array${isBytes ? ', such as new Float32Array(buffer)' : ''}`,
    )
  }
  const nested = measure(op, data)
  const type = dtype ?? nested.dtype
  const writer = new Writer(
    op,
    type,
    nested.shape.reduce((product, size) => product * size, 1),
  )
  pushNested(writer, data)
  return { dtype: type, shape: nested.shape, data: writer.array }
}
