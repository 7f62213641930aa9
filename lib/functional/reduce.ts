// Reductions over dimensions.
import type { DType, PreciseType } from '../../types/dtype.js'
import type { ReduceFunction } from '../../types/native.js'
import type { Dim, ReduceOptions } from '../../types/tensor.js'
import { autocastType } from '../autocast.js'
import { type Checks, checkBoolean, checkNumber, checkOptions } from '../check.js'
import { native } from '../native.js'
import { Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { axesOf, axis, first, handleOf } from './arguments.js'
import { cast } from './math.js'

export type { ReduceOptions } from '../../types/tensor.js'

export interface VarianceOptions extends ReduceOptions {
  /** What is taken from the number of elements before dividing: 1 for an unbiased estimate. Default 1. */
  correction?: number
}

const reduceChecks: Checks<ReduceOptions> = { keepdim: checkBoolean }
const varianceChecks: Checks<VarianceOptions> = { ...reduceChecks, correction: checkNumber }

function keeps(op: string, options: ReduceOptions | undefined): boolean {
  return options !== undefined && (checkOptions(op, options, reduceChecks).keepdim ?? false)
}

function reduce<D extends DType>(
  name: ReduceFunction,
  x: Tensor,
  dim: Dim | undefined,
  options: ReduceOptions | undefined,
): Tensor<D> {
  const keepdim = keeps(name, options)
  // An empty list of dimensions means all of them, as in PyTorch.
  return wrap(native.ops.reduce(handleOf(name, 'x', x), name, axesOf(name, dim, x), keepdim))
}

/**
 * The sum over `dim` (a dimension or several; default all), which are gone in the result unless `keepdim`. Of int32 it is int32.
 * @throws ValueError (when read) for a sum that int32 does not hold: cast to float64 first.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.sum.html
 * @example const y = functional.sum(x, [2, 3])
 */
export function sum<D extends DType>(x: Tensor<D>, dim?: Dim, options?: ReduceOptions): Tensor<PreciseType<D>> {
  return reduce('sum', x, dim, options)
}

/**
 * The mean over `dim` (a dimension or several; default all), which are gone in the result unless `keepdim`.
 * @throws DTypeError for integers and bool; ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.mean.html
 * @example const y = functional.mean(x, 0, { keepdim: true })
 */
export function mean<D extends DType>(x: Tensor<D>, dim?: Dim, options?: ReduceOptions): Tensor<PreciseType<D>> {
  return reduce('mean', x, dim, options)
}

/**
 * The maximum over `dim` (a dimension or several; default all), which are gone in the result unless `keepdim`. Ties share the gradient.
 * @throws DTypeError for uint8 and bool; ValueError when x has no such dimension; ShapeError for a maximum of nothing.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.amax.html
 * @example const y = functional.max(x, 1)
 */
export function max<D extends DType>(x: Tensor<D>, dim?: Dim, options?: ReduceOptions): Tensor<D> {
  return reduce('max', x, dim, options)
}

/**
 * The minimum over `dim` (a dimension or several; default all), which are gone in the result unless `keepdim`. Ties share the gradient.
 * @throws DTypeError for uint8 and bool; ValueError when x has no such dimension; ShapeError for a minimum of nothing.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.amin.html
 * @example const y = functional.min(x, 1)
 */
export function min<D extends DType>(x: Tensor<D>, dim?: Dim, options?: ReduceOptions): Tensor<D> {
  return reduce('min', x, dim, options)
}

/**
 * The product over `dim` (a dimension or several; default all), which are gone in the result unless `keepdim`. Of int32 it is int32.
 * @throws ValueError (when read) for a product that int32 does not hold: cast to float64 first.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.prod.html
 * @example const y = functional.prod(x, 1)
 */
export function prod<D extends DType>(x: Tensor<D>, dim?: Dim, options?: ReduceOptions): Tensor<PreciseType<D>> {
  return reduce('prod', x, dim, options)
}

function argReduce(
  op: string,
  isMax: boolean,
  x: Tensor,
  dim: number | undefined,
  options: ReduceOptions | undefined,
): Tensor<'int32'> {
  const keepdim = keeps(op, options)
  const handle = handleOf(op, 'x', x)
  const along = dim === undefined ? -1 : axis(op, dim, x)
  return wrap(native.ops.argReduce(handle, isMax, x.rank === 0 ? -1 : along, keepdim))
}

/**
 * Where the first maximum along `dim` is (int32); without `dim` its position in the flattened tensor.
 * @throws DTypeError for bool; ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.argmax.html
 * @example const predicted = functional.argmax(logits, 1)
 */
export function argmax(x: Tensor, dim?: number, options?: ReduceOptions): Tensor<'int32'> {
  return argReduce('argmax', true, x, dim, options)
}

/**
 * Where the first minimum along `dim` is (int32); without `dim` its position in the flattened tensor.
 * @throws DTypeError for bool; ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.argmin.html
 * @example const nearest = functional.argmin(distances, 1)
 */
export function argmin(x: Tensor, dim?: number, options?: ReduceOptions): Tensor<'int32'> {
  return argReduce('argmin', false, x, dim, options)
}

/** The variance or its root; the mean, which the op gives too, is for its gradient. */
function spread<D extends DType>(
  op: string,
  root: boolean,
  x: Tensor,
  dim: Dim | undefined,
  options: VarianceOptions,
): Tensor<D> {
  const { correction = 1, keepdim = false } = checkOptions(op, options, varianceChecks)
  if (x instanceof Tensor && (x.dtype === 'bfloat16' || x.dtype === 'float16')) {
    // Deviations from a mean of so few digits would be those of its rounding, in the gradient too.
    return tidy(() => {
      const y = spread(op, root, cast(x, 'float32'), dim, { correction, keepdim })
      return (autocastType() ? y : cast(y, x.dtype)) as Tensor<D>
    })
  }
  return first(native.ops.variance(handleOf(op, 'x', x), axesOf(op, dim, x), correction, keepdim, root))
}

/**
 * The variance over `dim` (default all), which is gone in the result unless `keepdim`: Σ (x − mean)² / max(0, n − correction), NaN where that is 0 / 0.
 * @throws DTypeError for integers and bool; ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.var.html
 * @example const y = functional.variance(x, [0, 2, 3], { correction: 0 })
 */
export function variance<D extends DType>(
  x: Tensor<D>,
  dim?: Dim,
  options: VarianceOptions = {},
): Tensor<PreciseType<D>> {
  return spread('variance', false, x, dim, options)
}

/**
 * The standard deviation over `dim` (default all), which is gone in the result unless `keepdim`: the square root of `variance`, which does not overflow where only the square would.
 * The gradient of a deviation of 0 is 0.
 * @throws DTypeError for integers and bool; ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.std.html
 * @example const y = functional.std(x, 0)
 */
export function std<D extends DType>(x: Tensor<D>, dim?: Dim, options: VarianceOptions = {}): Tensor<PreciseType<D>> {
  return spread('std', true, x, dim, options)
}
