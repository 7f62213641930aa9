// Activation functions and softmax.
import type { DType, PreciseType } from '../../types/dtype.js'
import { checkOptions } from '../check.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { axis, handleOf } from './arguments.js'
import { geluChecks, softplusChecks } from './checks.js'
import { unary } from './math.js'

export interface GELUOptions {
  /** Default 'none'. */
  approximate?: 'none' | 'tanh'
}

export interface SoftplusOptions {
  /** Default 1. */
  beta?: number
  /** Default 20. */
  threshold?: number
}

/**
 * max(x, 0). Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.relu.html
 * @example const y = functional.relu(x)
 */
export function relu<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'relu')
}

/**
 * min(max(x, 0), 6). Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.relu6.html
 * @example const y = functional.relu6(x)
 */
export function relu6<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'relu6')
}

/**
 * 1 / (1 + e^−x). Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.sigmoid.html
 * @example const y = functional.sigmoid(x)
 */
export function sigmoid<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'sigmoid')
}

/**
 * The hyperbolic tangent. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.tanh.html
 * @example const y = functional.tanh(x)
 */
export function tanh<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'tanh')
}

/**
 * x · sigmoid(x), also called swish. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.silu.html
 * @example const y = functional.silu(x)
 */
export function silu<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'silu')
}

/**
 * min(max(x + 3, 0), 6) / 6. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardsigmoid.html
 * @example const y = functional.hardsigmoid(x)
 */
export function hardsigmoid<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'hardsigmoid')
}

/**
 * x · hardsigmoid(x). Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html
 * @example const y = functional.hardswish(x)
 */
export function hardswish<D extends DType>(x: Tensor<D>): Tensor<D> {
  return unary(x, 'hardswish')
}

/**
 * x where x > 0, else negativeSlope·x. Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html
 * @example const y = functional.leakyRelu(x, 0.1)
 */
export function leakyRelu<D extends DType>(x: Tensor<D>, negativeSlope = 0.01): Tensor<D> {
  return unary(x, 'leakyRelu', negativeSlope)
}

/**
 * x where x > 0, else alpha·(e^x − 1). Any shape, element by element.
 * @throws DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.elu.html
 * @example const y = functional.elu(x)
 */
export function elu<D extends DType>(x: Tensor<D>, alpha = 1): Tensor<D> {
  return unary(x, 'elu', alpha)
}

/**
 * x·Φ(x), where Φ is the normal distribution function; `approximate: 'tanh'` takes the usual approximation. Any shape.
 * @throws DTypeError for integers and bool; ValueError for an option of another kind.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
 * @example const y = functional.gelu(x)
 */
export function gelu<D extends DType>(x: Tensor<D>, options: GELUOptions = {}): Tensor<D> {
  const { approximate = 'none' } = checkOptions('gelu', options, geluChecks)
  return unary(x, approximate === 'tanh' ? 'geluTanh' : 'gelu')
}

/**
 * log(1 + e^(beta·x)) / beta, and x itself where beta·x > threshold. Any shape, element by element.
 * @throws DTypeError for integers and bool; ValueError for an option of another kind.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html
 * @example const y = functional.softplus(x, { beta: 2 })
 */
export function softplus<D extends DType>(x: Tensor<D>, options: SoftplusOptions = {}): Tensor<PreciseType<D>> {
  const { beta = 1, threshold = 20 } = checkOptions('softplus', options, softplusChecks)
  return unary(x, 'softplus', beta, threshold)
}

/**
 * e^x / Σ e^x along `dim`: positive numbers whose sum is 1.
 * @throws DTypeError for integers and bool; ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html
 * @example const probabilities = functional.softmax(logits, 1)
 */
export function softmax<D extends DType>(x: Tensor<D>, dim: number): Tensor<PreciseType<D>> {
  return wrap(native.ops.softmax(handleOf('softmax', 'x', x), axis('softmax', dim, x), false))
}

/**
 * The logarithm of softmax along `dim`, computed without overflow.
 * @throws DTypeError for integers and bool; ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html
 * @example const logp = functional.logSoftmax(logits, 1)
 */
export function logSoftmax<D extends DType>(x: Tensor<D>, dim: number): Tensor<PreciseType<D>> {
  return wrap(native.ops.softmax(handleOf('logSoftmax', 'x', x), axis('logSoftmax', dim, x), true))
}
