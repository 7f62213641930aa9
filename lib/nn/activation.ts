// Activation functions as modules.
import { checkBoolean, checkInteger, checkNumber, checkOptions } from '../check.js'
import * as F from '../functional/activation.js'
import * as checks from '../functional/checks.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'
import { namedArguments } from './positional.js'

/** The options of GELU by name, or in PyTorch's order. */
export type GELUArguments = [options?: F.GELUOptions] | [approximate?: 'none' | 'tanh']

/** The options of Softplus by name, or in PyTorch's order. */
export type SoftplusArguments = [options?: F.SoftplusOptions] | [beta?: number, threshold?: number]

/** An activation without options but PyTorch's `inplace`, which changes nothing here. */
abstract class InplaceActivation extends Module {
  constructor(inplace = false) {
    super()
    checkBoolean(new.target.name, 'inplace', inplace)
  }
}

/**
 * max(x, 0). Any shape. `inplace` is accepted as in PyTorch and changes nothing: x keeps its values.
 * @throws ValueError if inplace is not a boolean.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html
 * @example new nn.ReLU()
 */
export class ReLU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.relu(x)
  }
}

/**
 * min(max(x, 0), 6). Any shape. `inplace` is accepted as in PyTorch and changes nothing: x keeps its values.
 * @throws ValueError if inplace is not a boolean.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU6.html
 * @example new nn.ReLU6()
 */
export class ReLU6 extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.relu6(x)
  }
}

/**
 * x · sigmoid(x). Any shape. `inplace` is accepted as in PyTorch and changes nothing: x keeps its values.
 * @throws ValueError if inplace is not a boolean.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.SiLU.html
 * @example new nn.SiLU()
 */
export class SiLU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.silu(x)
  }
}

/**
 * 1 / (1 + e^−x). Any shape.
 * @throws DTypeError by `forward` for integers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html
 * @example new nn.Sigmoid()
 */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return F.sigmoid(x)
  }
}

/**
 * min(max(x + 3, 0), 6) / 6. Any shape. `inplace` is accepted as in PyTorch and changes nothing: x keeps its values.
 * @throws ValueError if inplace is not a boolean.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html
 * @example new nn.Hardsigmoid()
 */
export class Hardsigmoid extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.hardsigmoid(x)
  }
}

/**
 * x · hardsigmoid(x). Any shape. `inplace` is accepted as in PyTorch and changes nothing: x keeps its values.
 * @throws ValueError if inplace is not a boolean.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardswish.html
 * @example new nn.Hardswish()
 */
export class Hardswish extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.hardswish(x)
  }
}

/**
 * The hyperbolic tangent. Any shape.
 * @throws DTypeError by `forward` for integers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html
 * @example new nn.Tanh()
 */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return F.tanh(x)
  }
}

/**
 * x where x > 0, else negativeSlope·x. Any shape. negativeSlope is 0.01 by default. `inplace` is accepted as in PyTorch and
 * changes nothing: x keeps its values.
 * @throws ValueError if negativeSlope is not a number or inplace not a boolean.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
 * @example new nn.LeakyReLU(0.1)
 */
export class LeakyReLU extends InplaceActivation {
  /** The slope below 0. */
  readonly negativeSlope: number
  constructor(negativeSlope = 0.01, inplace = false) {
    super(inplace)
    checkNumber(new.target.name, 'negativeSlope', negativeSlope)
    this.negativeSlope = negativeSlope
  }
  override forward(x: Tensor): Tensor {
    return F.leakyRelu(x, this.negativeSlope)
  }
  protected override describe(): string {
    return `${this.negativeSlope}`
  }
}

/**
 * x where x > 0, else alpha·(e^x − 1). Any shape. alpha is 1 by default. `inplace` is accepted as in PyTorch and changes nothing:
 * the result is a new tensor.
 * @throws ValueError if alpha is not a number or inplace not a boolean.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ELU.html
 * @example new nn.ELU(0.1)
 */
export class ELU extends InplaceActivation {
  /** The factor below 0. */
  readonly alpha: number
  constructor(alpha = 1, inplace = false) {
    super(inplace)
    checkNumber(new.target.name, 'alpha', alpha)
    this.alpha = alpha
  }
  override forward(x: Tensor): Tensor {
    return F.elu(x, this.alpha)
  }
  protected override describe(): string {
    return `${this.alpha}`
  }
}

/**
 * x·Φ(x), where Φ is the normal distribution function; `approximate: 'tanh'` takes a formula with tanh for it. Default 'none'. Any
 * shape.
 * @throws ValueError for another name of the formula.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html
 * @example new nn.GELU({ approximate: 'tanh' })
 */
export class GELU extends Module {
  /** The formula: 'none' the exact one, 'tanh' the approximation. */
  readonly approximate: 'none' | 'tanh'
  constructor(...rest: GELUArguments) {
    super()
    const options = namedArguments<F.GELUOptions>(new.target.name, rest, ['approximate'])
    const { approximate = 'none' } = checkOptions(new.target.name, options, checks.geluChecks)
    this.approximate = approximate
  }
  override forward(x: Tensor): Tensor {
    return F.gelu(x, { approximate: this.approximate })
  }
}

/**
 * log(1 + e^(beta·x)) / beta, and x itself where beta·x > threshold. Defaults: beta 1, threshold 20. Any shape.
 * @throws ValueError if beta or threshold is not a number.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Softplus.html
 * @example new nn.Softplus({ beta: 2, threshold: 10 })
 * @example new nn.Softplus(2, 10)
 */
export class Softplus extends Module {
  /** The factor of x. */
  readonly beta: number
  /** Above it, beta·x is its own result. */
  readonly threshold: number
  constructor(...rest: SoftplusArguments) {
    super()
    const options = namedArguments<F.SoftplusOptions>(new.target.name, rest, ['beta', 'threshold'])
    const { beta = 1, threshold = 20 } = checkOptions(new.target.name, options, checks.softplusChecks)
    this.beta = beta
    this.threshold = threshold
  }
  override forward(x: Tensor): Tensor {
    return F.softplus(x, { beta: this.beta, threshold: this.threshold })
  }
}

/**
 * e^x / Σ e^x along `dim`; a negative dim counts from the end. Any shape.
 * @throws ValueError if dim is not a whole number; `forward` also if x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html
 * @example new nn.Softmax(1)
 */
export class Softmax extends Module {
  /** The dimension along which the values sum to 1. */
  readonly dim: number
  constructor(dim: number) {
    super()
    checkInteger(new.target.name, 'dim', dim)
    this.dim = dim
  }
  override forward(x: Tensor): Tensor {
    return F.softmax(x, this.dim)
  }
  protected override describe(): string {
    return `${this.dim}`
  }
}

/**
 * The logarithm of softmax along `dim`; a negative dim counts from the end. Any shape.
 * @throws ValueError if dim is not a whole number; `forward` also if x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html
 * @example new nn.LogSoftmax(1)
 */
export class LogSoftmax extends Module {
  /** The dimension along which the values sum to 1. */
  readonly dim: number
  constructor(dim: number) {
    super()
    checkInteger(new.target.name, 'dim', dim)
    this.dim = dim
  }
  override forward(x: Tensor): Tensor {
    return F.logSoftmax(x, this.dim)
  }
  protected override describe(): string {
    return `${this.dim}`
  }
}
