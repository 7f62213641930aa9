// Losses as modules.
import { checkOptions } from '../check.js'
import * as checks from '../functional/checks.js'
import * as F from '../functional/loss.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'
import { Buffer } from './parameter.js'

type Pair = [x: Tensor, target: Tensor]

/** A weight is saved and moved with its loss. */
function bufferOrNull(weight: Tensor | null | undefined): Buffer | null {
  return weight ? new Buffer(weight) : null
}

/**
 * The cross-entropy of softmax(x) along dimension 1: x [N, C, …], target int32 [N, …] or probabilities [N, C, …] → a scalar, or [N, …]
 * with reduction 'none'. Defaults: reduction 'mean', ignoreIndex −100, labelSmoothing 0, no weight [C] of the classes.
 * @throws ValueError for an unknown option; `forward` ShapeError if x and target do not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 * @example new nn.CrossEntropyLoss({ labelSmoothing: 0.1 })
 */
export class CrossEntropyLoss extends Module<Pair> {
  /** The weights of the classes, or of the elements; null without. */
  weight: Buffer | null
  /** What the constructor was given, without tensors. */
  readonly options: Readonly<Omit<F.CrossEntropyOptions, 'weight'>>
  constructor(given: F.CrossEntropyOptions = {}) {
    super()
    const { weight, ...options } = checkOptions(new.target.name, given, checks.crossEntropyChecks)
    this.weight = bufferOrNull(weight)
    this.options = options
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(x, target, { ...this.options, weight: this.weight })
  }
}

/**
 * The negative log-likelihood of log-probabilities x [N, C, …] for target int32 [N, …] → a scalar, or [N, …] with reduction 'none'.
 * Defaults: reduction 'mean', ignoreIndex −100, no weight [C] of the classes.
 * @throws ValueError for an unknown option; `forward` ShapeError if x and target do not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
 * @example new nn.NLLLoss()
 */
export class NLLLoss extends Module<Pair> {
  /** The weights of the classes, or of the elements; null without. */
  weight: Buffer | null
  /** What the constructor was given, without tensors. */
  readonly options: Readonly<Omit<F.NllLossOptions, 'weight'>>
  constructor(given: F.NllLossOptions = {}) {
    super()
    const { weight, ...options } = checkOptions(new.target.name, given, checks.nllChecks)
    this.weight = bufferOrNull(weight)
    this.options = options
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.nllLoss(x, target, { ...this.options, weight: this.weight })
  }
}

/**
 * The binary cross-entropy of probabilities x for a target of the same shape → a scalar, or that shape with reduction 'none'. Default:
 * reduction 'mean'.
 * @throws ValueError for an unknown option; `forward` ShapeError if x and target do not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
 * @example new nn.BCELoss()
 */
export class BCELoss extends Module<Pair> {
  /** The weights of the classes, or of the elements; null without. */
  weight: Buffer | null
  /** What the constructor was given, without tensors. */
  readonly options: Readonly<F.LossOptions>
  constructor(given: F.BCEOptions = {}) {
    super()
    const { weight, ...options } = checkOptions(new.target.name, given, checks.bceChecks)
    this.weight = bufferOrNull(weight)
    this.options = options
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(x, target, { ...this.options, weight: this.weight })
  }
}

/**
 * The binary cross-entropy of sigmoid(x) for a target of the same shape → a scalar, or that shape with reduction 'none'. Default:
 * reduction 'mean'.
 * @throws ValueError for an unknown option; `forward` ShapeError if x and target do not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
 * @example new nn.BCEWithLogitsLoss()
 */
export class BCEWithLogitsLoss extends Module<Pair> {
  /** The weights of the classes, or of the elements; null without. */
  weight: Buffer | null
  /** The weights of positive targets; null without. */
  posWeight: Buffer | null
  /** What the constructor was given, without tensors. */
  readonly options: Readonly<F.LossOptions>
  constructor(given: F.BCEWithLogitsOptions = {}) {
    super()
    const { weight, posWeight, ...options } = checkOptions(new.target.name, given, checks.bceWithLogitsChecks)
    this.weight = bufferOrNull(weight)
    this.posWeight = bufferOrNull(posWeight)
    this.options = options
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropyWithLogits(x, target, {
      ...this.options,
      weight: this.weight,
      posWeight: this.posWeight,
    })
  }
}

/**
 * (x − target)² for two tensors of one shape → a scalar, or that shape with reduction 'none'. Default: reduction 'mean'.
 * @throws ValueError for an unknown option; `forward` ShapeError if x and target do not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html
 * @example new nn.MSELoss()
 */
export class MSELoss extends Module<Pair> {
  /** What the constructor was given, without tensors. */
  readonly options: Readonly<F.LossOptions>
  constructor(options: F.LossOptions = {}) {
    super()
    this.options = checkOptions(new.target.name, options, checks.lossChecks)
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.mseLoss(x, target, this.options)
  }
}

/**
 * |x − target| for two tensors of one shape → a scalar, or that shape with reduction 'none'. Default: reduction 'mean'.
 * @throws ValueError for an unknown option; `forward` ShapeError if x and target do not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.L1Loss.html
 * @example new nn.L1Loss()
 */
export class L1Loss extends Module<Pair> {
  /** What the constructor was given, without tensors. */
  readonly options: Readonly<F.LossOptions>
  constructor(options: F.LossOptions = {}) {
    super()
    this.options = checkOptions(new.target.name, options, checks.lossChecks)
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.l1Loss(x, target, this.options)
  }
}

/**
 * Quadratic below a distance of beta, linear above, for two tensors of one shape → a scalar, or that shape with reduction 'none'.
 * Defaults: reduction 'mean', beta 1.
 * @throws ValueError for an unknown option; `forward` ShapeError if x and target do not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html
 * @example new nn.SmoothL1Loss({ beta: 0.1 })
 */
export class SmoothL1Loss extends Module<Pair> {
  /** What the constructor was given, without tensors. */
  readonly options: Readonly<F.SmoothL1Options>
  constructor(options: F.SmoothL1Options = {}) {
    super()
    this.options = checkOptions(new.target.name, options, checks.smoothL1Checks)
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(x, target, this.options)
  }
}

/**
 * The Kullback–Leibler divergence of target from log-probabilities x of the same shape → a scalar, or that shape with reduction 'none'.
 * Defaults: reduction 'mean', logTarget false.
 * @throws ValueError for an unknown option; `forward` ShapeError if x and target do not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
 * @example new nn.KLDivLoss({ reduction: 'batchmean' })
 */
export class KLDivLoss extends Module<Pair> {
  /** What the constructor was given, without tensors. */
  readonly options: Readonly<F.KlDivOptions>
  constructor(options: F.KlDivOptions = {}) {
    super()
    this.options = checkOptions(new.target.name, options, checks.klDivChecks)
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.klDiv(x, target, this.options)
  }
}
