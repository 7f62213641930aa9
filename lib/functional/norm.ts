// Normalisation: over the batch, over groups of channels, over the last dimensions, over neighbouring channels.
import type { DType, PreciseType } from '../../types/dtype.js'
import { type Checks, checkBoolean, checkNumber, checkNumbers, checkOptions } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { native } from '../native.js'
import { noGrad, type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { checkTensor, first, handleOf, optional, reshaped, shapeText, tensorOrNull } from './arguments.js'
import { localResponseNormChecks } from './checks.js'

export interface AffineOptions {
  /** Scale after normalising. Default: none (1). */
  weight?: Tensor | null
  /** Shift after normalising. Default: none (0). */
  bias?: Tensor | null
  /** Added to the variance. Default 1e-5. */
  eps?: number
}

export interface BatchNormOptions extends AffineOptions {
  /** Normalise with the batch's statistics and update the running ones. Default false. */
  training?: boolean
  /** Weight of the batch in the running statistics. Default 0.1. */
  momentum?: number
}

export interface InstanceNormOptions extends AffineOptions {
  /** [C] */
  runningMean?: Tensor | null
  /** [C] */
  runningVar?: Tensor | null
  /** Normalise with each plane's own statistics (and update the running ones), not with the running ones. Default true. */
  useInputStats?: boolean
  /** Weight of the input in the running statistics. Default 0.1. */
  momentum?: number
}

/** Of localResponseNorm. */
export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number
  /** Default 0.75. */
  beta?: number
  /** Default 1. */
  k?: number
}

const affineChecks: Checks<AffineOptions> = { weight: tensorOrNull, bias: tensorOrNull, eps: checkNumber }
const batchNormChecks: Checks<BatchNormOptions> = { ...affineChecks, training: checkBoolean, momentum: checkNumber }
const instanceNormChecks: Checks<InstanceNormOptions> = {
  ...affineChecks,
  runningMean: tensorOrNull,
  runningVar: tensorOrNull,
  useInputStats: checkBoolean,
  momentum: checkNumber,
}

/** Calls `fn` with a weight and a bias or with neither, which is what the ops take. */
function withAffine<D extends DType>(
  op: string,
  { weight, bias }: AffineOptions,
  fn: (weight: number, bias: number) => readonly number[],
): Tensor<D> {
  if (Boolean(weight) === Boolean(bias)) return first(fn(optional(op, 'weight', weight), optional(op, 'bias', bias)))
  return tidy(() => {
    const given = (weight ?? bias)!
    checkTensor(op, weight ? 'weight' : 'bias', given)
    const constant = wrap(native.ops.fill(given.device, given.shape, given.dtype, weight ? 0 : 1))
    return first(weight ? fn(weight.handle, constant.handle) : fn(constant.handle, given.handle))
  })
}

/**
 * Normalises each channel of x [N, C, spatial…] (or [N, C]). Training: with the mean and variance of the batch, and
 * running ← (1 − momentum)·running + momentum·batch (in place, unbiased variance). Else: with the running statistics.
 * runningMean, runningVar, weight and bias are [C].
 * @throws ValueError in training when there is but one value per channel.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
 * @see https://arxiv.org/abs/1502.03167
 * @example const y = functional.batchNorm(x, runningMean, runningVar, { weight, bias, training: true })
 */
export function batchNorm<D extends DType>(
  x: Tensor<D>,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): Tensor<D> {
  const { training = false, momentum = 0.1, eps = 1e-5 } = checkOptions('batchNorm', options, batchNormChecks)
  return withAffine('batchNorm', options, (weight, bias) =>
    native.ops.batchNorm(
      handleOf('batchNorm', 'x', x),
      weight,
      bias,
      optional('batchNorm', 'runningMean', runningMean),
      optional('batchNorm', 'runningVar', runningVar),
      training,
      eps,
      momentum,
    ),
  )
}

/**
 * Normalises over the last dimensions, whose sizes are `normalizedShape` (also the shape of weight and bias).
 * @throws ShapeError when x does not end with normalizedShape.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html
 * @see https://arxiv.org/abs/1607.06450
 * @example const y = functional.layerNorm(x, [64], { weight, bias })
 */
export function layerNorm<D extends DType>(
  x: Tensor<D>,
  normalizedShape: number | readonly number[],
  options: AffineOptions = {},
): Tensor<PreciseType<D>> {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
  checkTensor('layerNorm', 'x', x)
  checkNumbers('layerNorm', 'normalizedShape', shape)
  checkOptions('layerNorm', options, affineChecks)
  const last = x.shape.slice(-shape.length)
  if (shape.length === 0 || last.length !== shape.length || last.some((size, i) => size !== shape[i])) {
    throw new ShapeError(`layerNorm: x is ${shapeText(x.shape)}, expected last dimensions ${shapeText(shape)}`)
  }
  return withAffine('layerNorm', options, (weight, bias) =>
    native.ops.layerNorm(x.handle, weight, bias, shape.length, options.eps ?? 1e-5),
  )
}

/**
 * Normalises each of `numGroups` groups of channels of each sample: x [N, C, spatial…]; weight and bias are [C].
 * @throws ShapeError when numGroups does not divide C.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html
 * @see https://arxiv.org/abs/1803.08494
 * @example const y = functional.groupNorm(x, 8, { weight, bias })
 */
export function groupNorm<D extends DType>(
  x: Tensor<D>,
  numGroups: number,
  options: AffineOptions = {},
): Tensor<PreciseType<D>> {
  checkOptions('groupNorm', options, affineChecks)
  return withAffine('groupNorm', options, (weight, bias) =>
    native.ops.groupNorm(handleOf('groupNorm', 'x', x), weight, bias, numGroups, options.eps ?? 1e-5),
  )
}

/**
 * Normalises each plane of x [N, C, spatial…] by itself. With running statistics ([C]) these become the means over the
 * batch of each plane's own; without `useInputStats` they are what normalises.
 * @throws ShapeError when x has no spatial dimension, ValueError for planes of one value.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.instance_norm.html
 * @see https://arxiv.org/abs/1607.08022
 * @example const y = functional.instanceNorm(x, { weight, bias })
 */
export function instanceNorm<D extends DType>(x: Tensor<D>, options: InstanceNormOptions = {}): Tensor<PreciseType<D>> {
  checkOptions('instanceNorm', options, instanceNormChecks)
  const { weight, bias } = options
  const { runningMean = null, runningVar = null, useInputStats = true, momentum = 0.1, eps = 1e-5 } = options
  checkTensor('instanceNorm', 'x', x)
  const [batch, channels] = x.shape
  if (batch === undefined || channels === undefined || x.rank < 3) {
    throw new ShapeError(`instanceNorm: x is ${shapeText(x.shape)}, expected [N, C, …] with a spatial dimension`)
  }
  if (useInputStats && x.shape.slice(2).every((size) => size === 1)) {
    throw new ValueError(`instanceNorm: x is ${shapeText(x.shape)}, expected more than one value in each plane`)
  }
  if (!useInputStats) return batchNorm<DType>(x, runningMean, runningVar, { weight, bias, eps })
  if (runningMean && runningVar) {
    // Every plane as a channel of one sample: batch normalisation then updates one copy of the statistics for each sample.
    noGrad(() =>
      tidy(() => {
        const planes = reshaped(x, [1, batch * channels, ...x.shape.slice(2)])
        const copies = [runningMean, runningVar].map((running) => {
          const expanded = wrap(native.ops.expand(running.handle, [batch, channels]))
          return reshaped(expanded, [batch * channels])
        })
        batchNorm(planes, copies[0]!, copies[1]!, { training: true, momentum, eps })
        for (const [i, running] of [runningMean, runningVar].entries()) {
          const mean = wrap(native.ops.reduce(reshaped(copies[i]!, [batch, channels]).handle, 'mean', [0], false))
          native.ops.copy(running.handle, mean.handle)
        }
      }),
    )
  }
  return groupNorm(x, channels, { weight, bias, eps })
}

/**
 * Divides by a power of the sum of squares of `size` neighbouring channels: y = x / (k + alpha/size · Σ x²)^beta, x [N, C, spatial…].
 * Defaults: alpha 1e-4, beta 0.75, k 1.
 * @throws ShapeError when x has no channels; DTypeError for integers and bool; ValueError when size is no positive integer.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.local_response_norm.html
 * @example const y = functional.localResponseNorm(x, 5, { k: 2 })
 */
export function localResponseNorm<D extends DType>(
  x: Tensor<D>,
  size: number,
  options: LocalResponseNormOptions = {},
): Tensor<PreciseType<D>> {
  const { alpha = 1e-4, beta = 0.75, k = 1 } = checkOptions('localResponseNorm', options, localResponseNormChecks)
  return wrap(native.ops.localResponseNorm(handleOf('localResponseNorm', 'x', x), size, alpha, beta, k))
}
