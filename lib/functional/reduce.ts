// Reductions over dimensions, and what is composed of them.
import type { ReduceFunction } from '../../types/native.js'
import { autocastType } from '../autocast.js'
import { type Checks, checkBoolean, checkNumber, checkOptions } from '../check.js'
import { native } from '../native.js'
import { Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { axesOf, axis, type Dim, handleOf } from './arguments.js'
import { cast, sub, unary } from './math.js'

export interface ReduceOptions {
  /** Keep the reduced dimensions with size 1. Default false. */
  keepdim?: boolean
}

export interface VarianceOptions extends ReduceOptions {
  /** What is taken from the number of elements before dividing: 1 for an unbiased estimate. Default 1. */
  correction?: number
}

const reduceChecks: Checks<ReduceOptions> = { keepdim: checkBoolean }
const varianceChecks: Checks<VarianceOptions> = { ...reduceChecks, correction: checkNumber }

function keeps(op: string, options: ReduceOptions | undefined): boolean {
  return options !== undefined && (checkOptions(op, options, reduceChecks).keepdim ?? false)
}

function reduce(name: ReduceFunction, x: Tensor, dim: Dim | undefined, options: ReduceOptions | undefined): Tensor {
  const keepdim = keeps(name, options)
  // An empty list of dimensions means all of them, as in PyTorch.
  return wrap(native.ops.reduce(handleOf(name, 'x', x), name, axesOf(name, dim, x), keepdim))
}

/**
 * The sum over `dim` (a dimension or several; all by default).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.sum.html
 * @example const y = functional.sum(x, [2, 3])
 */
export function sum(x: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
  return reduce('sum', x, dim, options)
}

/**
 * The mean over `dim` (a dimension or several; all by default).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.mean.html
 * @example const y = functional.mean(x, 0, { keepdim: true })
 */
export function mean(x: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
  return reduce('mean', x, dim, options)
}

/**
 * The maximum over `dim` (a dimension or several; all by default). Ties share the gradient.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.amax.html
 * @example const y = functional.max(x, 1)
 */
export function max(x: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
  return reduce('max', x, dim, options)
}

/**
 * The minimum over `dim` (a dimension or several; all by default). Ties share the gradient.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.amin.html
 * @example const y = functional.min(x, 1)
 */
export function min(x: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
  return reduce('min', x, dim, options)
}

/**
 * The product over `dim` (a dimension or several; all by default).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.prod.html
 * @example const y = functional.prod(x, 1)
 */
export function prod(x: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
  return reduce('prod', x, dim, options)
}

function argReduce(
  op: string,
  isMax: boolean,
  x: Tensor,
  dim: number | undefined,
  options: ReduceOptions | undefined,
): Tensor {
  const keepdim = keeps(op, options)
  const handle = handleOf(op, 'x', x)
  const along = dim === undefined ? -1 : axis(op, dim, x)
  return wrap(native.ops.argReduce(handle, isMax, x.rank === 0 ? -1 : along, keepdim))
}

/**
 * Where the first maximum along `dim` is (int32); without `dim` its position in the flattened tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.argmax.html
 * @example const predicted = functional.argmax(logits, 1)
 */
export function argmax(x: Tensor, dim?: number, options?: ReduceOptions): Tensor {
  return argReduce('argmax', true, x, dim, options)
}

/**
 * Where the first minimum along `dim` is (int32); without `dim` its position in the flattened tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.argmin.html
 * @example const nearest = functional.argmin(distances, 1)
 */
export function argmin(x: Tensor, dim?: number, options?: ReduceOptions): Tensor {
  return argReduce('argmin', false, x, dim, options)
}

/**
 * The variance over `dim` (all by default): Σ (x − mean)² / (n − correction); NaN where n ≤ correction has nothing to say.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.var.html
 * @example const y = functional.variance(x, [0, 2, 3], { correction: 0 })
 */
export function variance(x: Tensor, dim?: Dim, options: VarianceOptions = {}): Tensor {
  const { correction = 1, keepdim = false } = checkOptions('variance', options, varianceChecks)
  const isHalf = x instanceof Tensor && (x.dtype === 'bfloat16' || x.dtype === 'float16')
  if (isHalf) {
    // Deviations from a mean of so few digits would be those of its rounding.
    return tidy(() => {
      const y = variance(cast(x, 'float32'), dim, { correction, keepdim })
      return autocastType() ? y : cast(y, x.dtype)
    })
  }
  return tidy(() => {
    const axes = axesOf('variance', dim, x)
    const deviations = unary(sub(x, wrap(native.ops.reduce(x.handle, 'mean', axes, true))), 'square')
    const total = wrap(native.ops.reduce(deviations.handle, 'sum', axes, keepdim))
    const n = (axes.length === 0 ? x.shape : axes.map((i) => x.shape[i]!)).reduce((product, size) => product * size, 1)
    return unary(total, 'affine', 1 / Math.max(0, n - correction), 0)
  })
}

/**
 * The standard deviation over `dim` (all by default): the square root of `variance`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.std.html
 * @example const y = functional.std(x, 0)
 */
export function std(x: Tensor, dim?: Dim, options: VarianceOptions = {}): Tensor {
  checkOptions('std', options, varianceChecks)
  return tidy(() => unary(variance(x, dim, options), 'sqrt'))
}
