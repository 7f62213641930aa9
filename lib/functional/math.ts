// Arithmetic, comparison and selection, element by element; numbers take part without becoming tensors where an op allows it.
import type { ArithmeticType, DType, PreciseType } from '../../types/dtype.js'
import type { BinaryFunction, UnaryFunction } from '../../types/native.js'
import type { Operand } from '../../types/tensor.js'
import { type Checks, checkOptions } from '../check.js'
import { ValueError } from '../errors.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { checkNumber, checkTensor, handleOf, scalarLike } from './arguments.js'

/** At least one of both. */
export interface ClampBounds {
  min?: number
  max?: number
}

const clampChecks: Checks<ClampBounds> = { min: checkNumber, max: checkNumber }

/** One function of the unary op; `alpha` and `beta` are its parameters. */
export function unary<D extends DType>(x: Tensor, name: UnaryFunction, alpha = 0, beta = 0): Tensor<D> {
  return wrap(native.ops.unary(handleOf(name, 'x', x), name, alpha, beta))
}

/**
 * e^x. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.exp.html
 * @example const y = functional.exp(x)
 */
export function exp<D extends DType>(x: Tensor<D>): Tensor<PreciseType<D>> {
  return unary(x, 'exp')
}

/**
 * The natural logarithm. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.log.html
 * @example const y = functional.log(x)
 */
export function log<D extends DType>(x: Tensor<D>): Tensor<PreciseType<D>> {
  return unary(x, 'log')
}

/**
 * The square root. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.sqrt.html
 * @example const y = functional.sqrt(x)
 */
export function sqrt<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'sqrt')
}

/**
 * 1 / √x. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.rsqrt.html
 * @example const y = functional.rsqrt(x)
 */
export function rsqrt<D extends DType>(x: Tensor<D>): Tensor<PreciseType<D>> {
  return unary(x, 'rsqrt')
}

/**
 * |x|. Any shape, element by element.
 * @throws DTypeError for uint8 and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.abs.html
 * @example const y = functional.abs(x)
 */
export function abs<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'abs')
}

/**
 * −x. Any shape, element by element.
 * @throws DTypeError for uint8 and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.neg.html
 * @example const y = functional.neg(x)
 */
export function neg<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'neg')
}

/**
 * −1, 0 or 1; its gradient is 0. Any shape, element by element.
 * @throws DTypeError for uint8 and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.sign.html
 * @example const y = functional.sign(x)
 */
export function sign<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'sign')
}

/**
 * x². Any shape, element by element.
 * @throws DTypeError for uint8 and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.square.html
 * @example const y = functional.square(x)
 */
export function square<D extends DType>(x: Tensor<D>): Tensor<PreciseType<D>> {
  return unary(x, 'square')
}

/**
 * 1 / x. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.reciprocal.html
 * @example const y = functional.reciprocal(x)
 */
export function reciprocal<D extends DType>(x: Tensor<D>): Tensor<PreciseType<D>> {
  return unary(x, 'reciprocal')
}

/**
 * The sine of x in radians. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.sin.html
 * @example const y = functional.sin(x)
 */
export function sin<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'sin')
}

/**
 * The cosine of x in radians. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cos.html
 * @example const y = functional.cos(x)
 */
export function cos<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'cos')
}

/**
 * log(1 + x), exact near 0. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.log1p.html
 * @example const y = functional.log1p(x)
 */
export function log1p<D extends DType>(x: Tensor<D>): Tensor<PreciseType<D>> {
  return unary(x, 'log1p')
}

/**
 * e^x − 1, exact near 0. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.expm1.html
 * @example const y = functional.expm1(x)
 */
export function expm1<D extends DType>(x: Tensor<D>): Tensor<PreciseType<D>> {
  return unary(x, 'expm1')
}

/**
 * The error function. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.erf.html
 * @example const y = functional.erf(x)
 */
export function erf<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'erf')
}

/**
 * The largest integer ≤ x; its gradient is 0. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.floor.html
 * @example const y = functional.floor(x)
 */
export function floor<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'floor')
}

/**
 * The smallest integer ≥ x; its gradient is 0. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.ceil.html
 * @example const y = functional.ceil(x)
 */
export function ceil<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'ceil')
}

/**
 * The nearest integer, halves to even; its gradient is 0. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.round.html
 * @example const y = functional.round(x)
 */
export function round<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'round')
}

/**
 * Whether x is not a number, as bool. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.isnan.html
 * @example const y = functional.isnan(x)
 */
export function isnan(x: Tensor): Tensor<'bool'> {
  return unary(x, 'isnan')
}

/**
 * Whether x is 0, as bool. Any shape, element by element.
 * @throws ValueError when x is no tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_not.html
 * @example const y = functional.logicalNot(x)
 */
export function logicalNot(x: Tensor): Tensor<'bool'> {
  return unary(x, 'logicalNot')
}

/** The type in which x meets a number: integers stay integers unless the number has a fraction; bool becomes int32. */
function typeWith(x: Tensor, value: number): DType {
  if (x.dtype === 'int32' || x.dtype === 'uint8' || x.dtype === 'bool')
    return Number.isInteger(value) ? 'int32' : 'float32'
  return x.dtype
}

/** Runs `fn` on x in another type; nothing is converted where it has that type already. */
function as<D extends DType>(x: Tensor, dtype: DType, fn: (x: Tensor) => Tensor<D>): Tensor<D> {
  if (x.dtype === dtype) return fn(x)
  return tidy(() => fn(wrap(native.ops.cast(x.handle, dtype))))
}

function scale<D extends DType>(x: Tensor, alpha: number, beta: number): Tensor<D> {
  const whole = Number.isInteger(alpha) && Number.isInteger(beta)
  return as(x, typeWith(x, whole ? 0 : 0.5), (each) => unary(each, 'affine', alpha, beta))
}

/** Refuses operands that are neither tensors nor numbers, and two numbers. */
function checkOperands(op: string, a: unknown, b: unknown): void {
  if (typeof a !== 'number') checkTensor(op, 'a', a)
  if (typeof b !== 'number') checkTensor(op, 'b', b)
  if (typeof a === 'number' && typeof b === 'number') {
    throw new ValueError(`${op}: got two numbers, expected at least one tensor`)
  }
}

/** Both operands as tensors of one type. */
function binary<D extends DType>(name: BinaryFunction, a: Operand, b: Operand): Tensor<D> {
  checkOperands(name, a, b)
  const run = (x: Tensor, y: Tensor) => wrap<D>(native.ops.binary(x.handle, y.handle, name))
  if (typeof a === 'number') {
    return tidy(() => as(b as Tensor, typeWith(b as Tensor, a), (x) => run(scalarLike(x, a), x)))
  }
  if (typeof b === 'number') return tidy(() => as(a, typeWith(a, b), (x) => run(x, scalarLike(x, b))))
  return run(a, b)
}

/**
 * a + b, broadcasting; tensors have one type, one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types, or of uint8 or bool; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.add.html
 * @example const y = functional.add(x, 1)
 */
export function add<D extends DType>(a: Tensor<D> | number, b: Tensor<D> | number): Tensor<ArithmeticType<D>> {
  checkOperands('add', a, b)
  if (typeof b === 'number') return scale(a as Tensor, 1, b)
  if (typeof a === 'number') return scale(b, 1, a)
  return binary('add', a, b)
}

/**
 * a − b, broadcasting; tensors have one type, one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types, or of uint8 or bool; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.sub.html
 * @example const y = functional.sub(x, 1)
 */
export function sub<D extends DType>(a: Tensor<D> | number, b: Tensor<D> | number): Tensor<ArithmeticType<D>> {
  checkOperands('sub', a, b)
  if (typeof b === 'number') return scale(a as Tensor, 1, -b)
  if (typeof a === 'number') return scale(b, -1, a)
  return binary('sub', a, b)
}

/**
 * a · b, element by element, broadcasting; tensors have one type, one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types, or of uint8 or bool; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.mul.html
 * @example const y = functional.mul(x, 0.5)
 */
export function mul<D extends DType>(a: Tensor<D> | number, b: Tensor<D> | number): Tensor<ArithmeticType<D>> {
  checkOperands('mul', a, b)
  if (typeof b === 'number') return scale(a as Tensor, b, 0)
  if (typeof a === 'number') return scale(b, a, 0)
  return binary('mul', a, b)
}

/**
 * a / b, broadcasting; one of both may be a number. Integers divide as float32.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.div.html
 * @example const y = functional.div(x, 255)
 */
export function div<D extends DType>(a: Tensor<D> | number, b: Tensor<D> | number): Tensor<ArithmeticType<D>> {
  checkOperands('div', a, b)
  if (typeof b === 'number') {
    const x = a as Tensor
    return as(x, typeWith(x, 0.5), (each) => unary(each, 'affine', 1 / b, 0))
  }
  if (typeof a === 'number') {
    return tidy(() => {
      const y = as<ArithmeticType<D>>(b, typeWith(b, 0.5), (each) => unary(each, 'reciprocal'))
      return a === 1 ? y : unary(y, 'affine', a, 0)
    })
  }
  if (a.dtype !== b.dtype) return binary('div', a, b)
  return as(a, typeWith(a, 0.5), (x) => as(b, x.dtype, (y) => binary('div', x, y)))
}

/**
 * x^exponent: a number, or a tensor that broadcasts with x; x may be a number then.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types, and for a tensor of integers as exponent; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.pow.html
 * @example const y = functional.pow(x, 3)
 */
export function pow<D extends DType>(x: Tensor<D> | number, exponent: Tensor<D> | number): Tensor<ArithmeticType<D>> {
  checkOperands('pow', x, exponent)
  if (typeof x !== 'number' && typeof exponent === 'number') {
    if (exponent === 2) return unary(x, 'square')
    return as(x, typeWith(x, 0.5), (each) => unary(each, 'powScalar', exponent))
  }
  return binary('pow', x, exponent)
}

/**
 * x held between min and max; one of both may be absent. The gradient is 1 from min to max (both included), else 0.
 * @throws ValueError without any bound.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.clamp.html
 * @example const y = functional.clamp(x, { min: 0, max: 1 })
 */
export function clamp<D extends DType>(x: Tensor<D>, bounds: ClampBounds): Tensor<D> {
  const { min, max } = checkOptions('clamp', bounds, clampChecks)
  if (min === undefined && max === undefined) throw new ValueError('clamp: got neither min nor max, expected a bound')
  return unary(x, 'clamp', min ?? -Infinity, max ?? Infinity)
}

/**
 * The larger of a and b, broadcasting; one of both may be a number. Ties share the gradient.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types, or of uint8 or bool; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.maximum.html
 * @example const y = functional.maximum(a, b)
 */
export function maximum<D extends DType>(a: Tensor<D> | number, b: Tensor<D> | number): Tensor<ArithmeticType<D>> {
  return binary('maximum', a, b)
}

/**
 * The smaller of a and b, broadcasting; one of both may be a number. Ties share the gradient.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types, or of uint8 or bool; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.minimum.html
 * @example const y = functional.minimum(a, b)
 */
export function minimum<D extends DType>(a: Tensor<D> | number, b: Tensor<D> | number): Tensor<ArithmeticType<D>> {
  return binary('minimum', a, b)
}

/**
 * Whether a = b, as bool, broadcasting; one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.eq.html
 * @example const y = functional.eq(a, b)
 */
export function eq(a: Operand, b: Operand): Tensor<'bool'> {
  return binary('eq', a, b)
}

/**
 * Whether a ≠ b, as bool, broadcasting; one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.ne.html
 * @example const y = functional.ne(a, b)
 */
export function ne(a: Operand, b: Operand): Tensor<'bool'> {
  return binary('ne', a, b)
}

/**
 * Whether a < b, as bool, broadcasting; one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.lt.html
 * @example const y = functional.lt(a, b)
 */
export function lt(a: Operand, b: Operand): Tensor<'bool'> {
  return binary('lt', a, b)
}

/**
 * Whether a ≤ b, as bool, broadcasting; one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.le.html
 * @example const y = functional.le(a, b)
 */
export function le(a: Operand, b: Operand): Tensor<'bool'> {
  return binary('le', a, b)
}

/**
 * Whether a > b, as bool, broadcasting; one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.gt.html
 * @example const y = functional.gt(a, b)
 */
export function gt(a: Operand, b: Operand): Tensor<'bool'> {
  return binary('gt', a, b)
}

/**
 * Whether a ≥ b, as bool, broadcasting; one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.ge.html
 * @example const y = functional.ge(a, b)
 */
export function ge(a: Operand, b: Operand): Tensor<'bool'> {
  return binary('ge', a, b)
}

/**
 * Whether a and b are both non-zero, as bool, broadcasting; one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_and.html
 * @example const y = functional.logicalAnd(a, b)
 */
export function logicalAnd(a: Operand, b: Operand): Tensor<'bool'> {
  return binary('logicalAnd', a, b)
}

/**
 * Whether a or b is non-zero, as bool, broadcasting; one of both may be a number.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for tensors of two types; ValueError for two numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_or.html
 * @example const y = functional.logicalOr(a, b)
 */
export function logicalOr(a: Operand, b: Operand): Tensor<'bool'> {
  return binary('logicalOr', a, b)
}

/**
 * a where condition (bool) is true, else b; all three broadcast; a and b may be numbers.
 * @throws ShapeError when the shapes do not broadcast; DTypeError when condition is not bool, or a and b have two types.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.where.html
 * @example const y = functional.where(functional.gt(x, 0), x, 0)
 */
export function where<D extends DType>(condition: Tensor, a: Tensor<D> | number, b: Tensor<D> | number): Tensor<D> {
  checkTensor('where', 'condition', condition)
  if (typeof a !== 'number') checkTensor('where', 'a', a)
  if (typeof b !== 'number') checkTensor('where', 'b', b)
  if (typeof a !== 'number' && typeof b !== 'number')
    return wrap(native.ops.where(condition.handle, a.handle, b.handle))
  return tidy(() => {
    const dtype = typeof a !== 'number' ? a.dtype : typeof b !== 'number' ? b.dtype : 'float32'
    const [left, right] = [a, b].map((value) =>
      typeof value === 'number' ? scalarLike(condition, value, dtype) : value,
    )
    return wrap(native.ops.where(condition.handle, left!.handle, right!.handle))
  })
}

/**
 * x in another element type: numbers to int32 and uint8 truncate and saturate; to bool they are compared with 0.
 * @throws DTypeError for what is no element type.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html
 * @example const y = functional.cast(x, 'int32')
 */
export function cast<D extends DType>(x: Tensor, dtype: D): Tensor<D> {
  return wrap(native.ops.cast(handleOf('cast', 'x', x), dtype))
}
