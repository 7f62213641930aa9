// Losses, with PyTorch's reductions; all but the negative log-likelihood are written with other functions.
import { autocastType } from '../autocast.js'
import { checkOptions } from '../check.js'
import { DTypeError, ShapeError, ValueError } from '../errors.js'
import { native } from '../native.js'
import { type Tensor, wrap, wrapAll } from '../tensor.js'
import { tidy } from '../tidy.js'
import { logSoftmax } from './activation.js'
import { checkTensor, first, oneOf, optional, type ReductionName, reshaped, shapeText } from './arguments.js'
import {
  bceChecks,
  bceWithLogitsChecks,
  crossEntropyChecks,
  klDivChecks,
  lossChecks,
  nllChecks,
  smoothL1Checks,
} from './checks.js'
import { abs, add, cast, div, eq, exp, log, mul, neg, square, sub, unary, where } from './math.js'
import { mean, sum } from './reduce.js'

export interface LossOptions {
  /** The mean of all losses, their sum, or each by itself. Default 'mean'. */
  reduction?: ReductionName
}

export interface NllLossOptions extends LossOptions {
  /** Weight of each class, [C]. Default: 1 each. */
  weight?: Tensor | null
  /** A target that counts nothing. Default −100. */
  ignoreIndex?: number
}

export interface CrossEntropyOptions extends NllLossOptions {
  /** How much of the target is spread evenly over all classes, in [0, 1]. Default 0. */
  labelSmoothing?: number
}

export interface KlDivOptions {
  /** 'batchmean' is the sum divided by the size of the first dimension. Default 'mean', over all elements. */
  reduction?: ReductionName | 'batchmean'
  /** Whether target is logarithms too. Default false. */
  logTarget?: boolean
}

/** Of binaryCrossEntropy. */
export interface BCEOptions extends LossOptions {
  /** Broadcasts with the losses. Default: 1 each. */
  weight?: Tensor | null
}

/** Of binaryCrossEntropyWithLogits. */
export interface BCEWithLogitsOptions extends BCEOptions {
  /** Weight of the positive class; broadcasts. Default: 1. */
  posWeight?: Tensor | null
}

export interface SmoothL1Options extends LossOptions {
  /** Default 1. */
  beta?: number
}

function reductionOf<T extends string>(op: string, reduction: T | ReductionName = 'mean'): T | ReductionName {
  return oneOf<T | ReductionName>(op, 'reduction', reduction, ['none', 'mean', 'sum'])
}

function reduced(loss: Tensor, reduction: ReductionName): Tensor {
  return reduction === 'none' ? loss : reduction === 'mean' ? mean(loss) : sum(loss)
}

function sameShape(op: string, x: Tensor, target: Tensor): void {
  checkTensor(op, 'x', x)
  checkTensor(op, 'target', target)
  if (shapeText(x.shape) !== shapeText(target.shape)) {
    throw new ShapeError(
      `${op}: x is ${shapeText(x.shape)} and target is ${shapeText(target.shape)}, expected equal shapes`,
    )
  }
}

function isFloat({ dtype }: Tensor): boolean {
  return dtype.startsWith('float') || dtype === 'bfloat16'
}

/** `float32[4, 3]` */
function described({ dtype, shape }: Tensor): string {
  return `${dtype}${shapeText(shape)}`
}

/** What a loss computes with: under autocast, float32 instead of a half type. */
function precise(x: Tensor): Tensor {
  const isHalf = x.dtype === 'bfloat16' || x.dtype === 'float16'
  return isHalf && autocastType() ? cast(x, 'float32') : x
}

/** A loss of each pair of elements, reduced; intermediates are freed. */
function elementwise(
  op: string,
  x: Tensor,
  target: Tensor,
  reduction: ReductionName | undefined,
  loss: (x: Tensor, target: Tensor) => Tensor,
): Tensor {
  const how = reductionOf(op, reduction) as ReductionName
  sameShape(op, x, target)
  for (const [name, tensor] of Object.entries({ x, target })) {
    if (!isFloat(tensor))
      throw new DTypeError(`${op}: ${name} is ${described(tensor)}, expected floats: ${name}.to('float32')`)
  }
  return tidy(() => reduced(loss(precise(x), precise(target)), how))
}

/**
 * (x − target)², by default its mean. Both have one shape (nothing is broadcast).
 * @throws ShapeError when the shapes differ; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html
 * @example const loss = functional.mseLoss(prediction, target)
 */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const { reduction } = checkOptions('mseLoss', options, lossChecks)
  return elementwise('mseLoss', x, target, reduction, (x, target) => square(sub(x, target)))
}

/**
 * |x − target|, by default its mean. Both have one shape (nothing is broadcast).
 * @throws ShapeError when the shapes differ; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.l1_loss.html
 * @example const loss = functional.l1Loss(prediction, target)
 */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const { reduction } = checkOptions('l1Loss', options, lossChecks)
  return elementwise('l1Loss', x, target, reduction, (x, target) => abs(sub(x, target)))
}

/**
 * With d = |x − target|: d²/(2·beta) where d < beta, else d − beta/2; beta 0 is l1Loss. Both have one shape. Default beta 1.
 * @throws ValueError when beta is negative.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.smooth_l1_loss.html
 * @example const loss = functional.smoothL1Loss(boxes, target, { beta: 0.1 })
 */
export function smoothL1Loss(x: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  const { beta = 1, reduction } = checkOptions('smoothL1Loss', options, smoothL1Checks)
  if (beta === 0) return l1Loss(x, target, { reduction })
  return elementwise('smoothL1Loss', x, target, reduction, (x, target) =>
    wrap(native.ops.pairLoss(x.handle, target.handle, 'smoothL1', beta)),
  )
}

/**
 * −weight·(target·log x + (1 − target)·log(1 − x)) of probabilities x; logarithms are at least −100, and the gradient
 * (x − target) / (x·(1 − x)) divides by at least 1e-12. Outside [0, 1] the loss is NaN. Prefer binaryCrossEntropyWithLogits, which loses
 * no precision. Both have one shape; weight broadcasts.
 * @throws ShapeError when the shapes differ, or a weight does not broadcast; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy.html
 * @example const loss = functional.binaryCrossEntropy(functional.sigmoid(x), target)
 */
export function binaryCrossEntropy(x: Tensor, target: Tensor, options: BCEOptions = {}): Tensor {
  const { weight = null, reduction } = checkOptions('binaryCrossEntropy', options, bceChecks)
  return elementwise('binaryCrossEntropy', x, target, reduction, (x, target) => {
    const loss = wrap(native.ops.pairLoss(x.handle, target.handle, 'binaryCrossEntropy', 1))
    return weight ? mul(loss, weight) : loss
  })
}

/**
 * The binary cross-entropy of sigmoid(x): weight·((1 − target)·x + (1 + (posWeight − 1)·target)·log(1 + e^−x)), without
 * overflow. Both have one shape; weight and posWeight (weight of the positive class) broadcast.
 * @throws ShapeError when the shapes differ, or a weight does not broadcast; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html
 * @example const loss = functional.binaryCrossEntropyWithLogits(logits, target)
 */
export function binaryCrossEntropyWithLogits(x: Tensor, target: Tensor, options: BCEWithLogitsOptions = {}): Tensor {
  const op = 'binaryCrossEntropyWithLogits'
  const { weight = null, posWeight = null, reduction } = checkOptions(op, options, bceWithLogitsChecks)
  return elementwise(op, x, target, reduction, (x, target) => {
    // Above 40, log(1 + e^v) is v in every type, and e^40 overflows in none.
    const softplus = unary(neg(x), 'softplus', 1, 40)
    const positive = posWeight ? mul(add(mul(sub(posWeight, 1), target), 1), softplus) : softplus
    const loss = add(mul(sub(1, target), x), positive)
    return weight ? mul(loss, weight) : loss
  })
}

/**
 * target·(log target − x) for log-probabilities x; with `logTarget` target is logarithms too. 'mean' divides by the number of
 * elements, 'batchmean' by the size of the first dimension (the divergence as it is defined). Both have one shape.
 * @throws ShapeError when the shapes differ; DTypeError for integers and bool; ValueError for another reduction.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.kl_div.html
 * @example const loss = functional.klDiv(functional.logSoftmax(x, 1), target, { reduction: 'batchmean' })
 */
export function klDiv(x: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  const { reduction = 'mean', logTarget = false } = checkOptions('klDiv', options, klDivChecks)
  return tidy(() => {
    const loss = elementwise('klDiv', x, target, reduction === 'batchmean' ? 'sum' : reduction, (x, target) => {
      if (logTarget) return mul(exp(target), sub(target, x))
      // 0·log 0 is 0.
      const information = mul(target, log(where(eq(target, 0), 1, target)))
      return sub(information, mul(target, x))
    })
    return reduction === 'batchmean' ? div(loss, x.shape[0] ?? 1) : loss
  })
}

/** Calls `fn` with class positions as int32, and with a batch dimension where x is one sample [C]. */
function withTargets(x: Tensor, target: Tensor, fn: (x: Tensor, target: Tensor) => Tensor): Tensor {
  if (target.dtype === 'uint8') return withTargets(x, cast(target, 'int32'), fn)
  if (x.rank !== 1 || target.rank !== 0) return fn(x, target)
  const loss = fn(reshaped(x, [1, ...x.shape]), reshaped(target, [1]))
  return loss.rank === 0 ? loss : reshaped(loss, [])
}

/**
 * −weight[target]·x[target] of log-probabilities x [N, C, …] (or [C]) for target int32 (or uint8) [N, …] (or []). 'mean' divides
 * by the sum of the weights of the targets that count.
 * @throws ValueError (when read) for a target outside [0, C) that is not ignoreIndex.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.nll_loss.html
 * @example const loss = functional.nllLoss(functional.logSoftmax(x, 1), target)
 */
export function nllLoss(x: Tensor, target: Tensor, options: NllLossOptions = {}): Tensor {
  const { weight = null, ignoreIndex = -100, reduction } = checkOptions('nllLoss', options, nllChecks)
  const how = reductionOf('nllLoss', reduction) as ReductionName
  checkTensor('nllLoss', 'x', x)
  checkTensor('nllLoss', 'target', target)
  return tidy(() =>
    withTargets(x, target, (logp, classes) =>
      first(native.ops.nllLoss(logp.handle, classes.handle, optional('nllLoss', 'weight', weight), how, ignoreIndex)),
    ),
  )
}

/** The weights of the classes, shaped to meet [N, C, …]. */
function alongClasses(weight: Tensor, rank: number): Tensor {
  return reshaped(weight, [weight.size, ...new Array<number>(rank - 2).fill(1)])
}

/** The loss of targets that are class positions, spread over all classes by `smoothing`. */
function smoothed(
  logp: Tensor,
  target: Tensor,
  weight: Tensor | null,
  ignoreIndex: number,
  reduction: ReductionName,
  smoothing: number,
): Tensor {
  const [nll, totalWeight] = wrapAll(
    native.ops.nllLoss(logp.handle, target.handle, optional('crossEntropy', 'weight', weight), reduction, ignoreIndex),
  ) as [Tensor, Tensor]
  if (smoothing === 0) return nll
  const weighted = weight ? mul(logp, alongClasses(weight, logp.rank)) : logp
  // Where a target is ignored, so is what it would spread.
  const each = where(eq(target, ignoreIndex), 0, neg(sum(weighted, 1)))
  const spread = reduction === 'none' ? each : reduction === 'sum' ? sum(each) : div(sum(each), totalWeight.detach())
  return add(mul(nll, 1 - smoothing), mul(spread, smoothing / (logp.shape[1] ?? 1)))
}

/** The loss of targets that are probabilities of classes, [N, C, …]; 'mean' divides by the number of samples and places. */
function ofProbabilities(
  logp: Tensor,
  target: Tensor,
  weight: Tensor | null,
  reduction: ReductionName,
  smoothing: number,
): Tensor {
  const classes = logp.shape[1] ?? 1
  const wanted = smoothing === 0 ? target : add(mul(target, 1 - smoothing), smoothing / classes)
  const product = mul(logp, wanted)
  const each = neg(sum(weight ? mul(product, alongClasses(weight, logp.rank)) : product, 1))
  return reduced(each, reduction)
}

/**
 * The cross-entropy of softmax(x) along dimension 1: x [N, C, …] (or [C]); target is class positions (int32 or uint8,
 * [N, …] or []), or probabilities of classes (of the type and shape of x).
 * @throws ShapeError when shapes do not fit; DTypeError for class numbers that are floats; ValueError when labelSmoothing is not in [0, 1], and (when read) for a target
 * outside [0, C) that is not ignoreIndex.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
 * @example const loss = functional.crossEntropy(logits, labels, { labelSmoothing: 0.1 })
 */
export function crossEntropy(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const {
    weight = null,
    ignoreIndex = -100,
    reduction,
    labelSmoothing = 0,
  } = checkOptions('crossEntropy', options, crossEntropyChecks)
  const how = reductionOf('crossEntropy', reduction) as ReductionName
  checkTensor('crossEntropy', 'x', x)
  checkTensor('crossEntropy', 'target', target)
  if (x.rank === 0) throw new ShapeError('crossEntropy: x is [], expected [N, C, …] or [C]')
  const areProbabilities = target.dtype !== 'int32' && target.dtype !== 'uint8'
  if (!areProbabilities) {
    return tidy(() =>
      withTargets(x, target, (logits, classes) =>
        smoothed(logSoftmax(logits, 1), classes, weight, ignoreIndex, how, labelSmoothing),
      ),
    )
  }
  if (!isFloat(target) || target.rank === x.rank - 1) {
    const classes = shapeText(x.rank === 1 ? [] : [x.shape[0]!, ...x.shape.slice(2)])
    throw new DTypeError(
      `crossEntropy: target is ${described(target)}, expected class numbers, int32${classes} (target.to('int32')), or probabilities, ${described(x)}`,
    )
  }
  if (ignoreIndex >= 0) throw new ValueError('crossEntropy: ignoreIndex is for class positions, not for probabilities')
  sameShape('crossEntropy', x, target)
  return tidy(() => {
    const batch = (each: Tensor) => (each.rank === 1 ? reshaped(each, [1, ...each.shape]) : each)
    const loss = ofProbabilities(logSoftmax(batch(x), 1), batch(target), weight, how, labelSmoothing)
    return x.rank === 1 && loss.rank === 1 ? reshaped(loss, []) : loss
  })
}
