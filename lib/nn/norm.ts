// Normalisation as modules, which own scale, shift and running statistics. The 1d, 2d and 3d classes differ in the inputs they take.
import { type Checks, checkBoolean, checkInteger, checkNumber, checkNumbers, checkOptions, orNull } from '../check.js'
import { ones, zeros } from '../creation.js'
import { ShapeError, ValueError } from '../errors.js'
import { batched, checkTensor, shapeText } from '../functional/arguments.js'
import * as checks from '../functional/checks.js'
import * as F from '../functional/norm.js'
import { noGrad, type Tensor } from '../tensor.js'
import { Module } from './module.js'
import { type Buffer, bufferOf, type FactoryOptions, factoryChecks, type Parameter, parameterOf } from './parameter.js'
import { namedArguments } from './positional.js'

export interface BatchNormModuleOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** Weight of the batch in the running statistics; null: batch normalisation takes the mean over all batches so far. Default 0.1. */
  momentum?: number | null
  /** Whether there are weight (1 at first) and bias (0). Default: true for batch, false for instance normalisation. */
  affine?: boolean
  /** Whether there are running statistics. Default: true for batch, false for instance normalisation. */
  trackRunningStats?: boolean
}

/** The options of batch and instance normalisation by name, or in PyTorch's order. */
export type BatchNormArguments =
  | [options?: BatchNormModuleOptions]
  | [eps?: number, momentum?: number | null, affine?: boolean, trackRunningStats?: boolean]

const runningNormOrder = ['eps', 'momentum', 'affine', 'trackRunningStats'] as const
const runningNormChecks: Checks<BatchNormModuleOptions> = {
  ...factoryChecks,
  eps: checkNumber,
  momentum: orNull(checkNumber),
  affine: checkBoolean,
  trackRunningStats: checkBoolean,
}

/** Scale, shift and running statistics of numFeatures channels. */
abstract class RunningNorm extends Module {
  /** The scale [numFeatures]; null without affine. */
  weight: Parameter | null
  /** The shift [numFeatures]; null without affine. */
  bias: Parameter | null
  /** The running mean [numFeatures]; null where none is tracked. */
  runningMean: Buffer | null
  /** The running variance [numFeatures]; null where none is tracked. */
  runningVar: Buffer | null
  /** int32 scalar: how many batches the running statistics have seen; counted by batch normalisation alone, as in PyTorch. */
  numBatchesTracked: Buffer | null
  /** Number of channels. */
  readonly numFeatures: number
  /** Added to the variance. */
  readonly eps: number
  /** Weight of the batch in the running statistics; null: the mean over all batches. */
  readonly momentum: number | null

  constructor(byDefault: boolean, numFeatures: number, rest: BatchNormArguments) {
    super()
    const options = namedArguments<BatchNormModuleOptions>(new.target.name, rest, runningNormOrder)
    checkOptions(new.target.name, options, runningNormChecks)
    checkInteger(new.target.name, 'numFeatures', numFeatures, 0)
    const { eps = 1e-5, momentum = 0.1, affine = byDefault, trackRunningStats = byDefault, ...factory } = options
    const shape = [numFeatures]
    this.numFeatures = numFeatures
    this.eps = eps
    this.momentum = momentum
    this.weight = affine ? parameterOf(ones(shape, factory)) : null
    this.bias = affine ? parameterOf(zeros(shape, factory)) : null
    this.runningMean = trackRunningStats ? bufferOf(zeros(shape, factory)) : null
    this.runningVar = trackRunningStats ? bufferOf(ones(shape, factory)) : null
    this.numBatchesTracked = trackRunningStats ? bufferOf(zeros([], { ...factory, dtype: 'int32' })) : null
  }

  /** Sets the running statistics back to mean 0 and variance 1. @example new nn.BatchNorm2d(32).resetRunningStats() */
  resetRunningStats(): void {
    this.runningMean?.fill_(0)
    this.runningVar?.fill_(1)
    this.numBatchesTracked?.fill_(0)
  }

  protected override describe(): string {
    return `${this.numFeatures}${this.weight ? '' : ', affine: false'}${this.runningMean ? '' : ', trackRunningStats: false'}`
  }
}

/** Training without momentum: batch number `count` has the weight 1 / count. The counter stays on the device: nothing is read back. */
function averaged(
  x: Tensor,
  running: readonly [mean: Tensor, variance: Tensor],
  count: Tensor,
  options: { weight: Tensor | null; bias: Tensor | null; eps: number },
): Tensor {
  const [mean, variance] = running.map(({ shape, dtype, device }) => zeros(shape, { dtype, device })) as [
    Tensor,
    Tensor,
  ]
  const y = F.batchNorm(x, mean, variance, { ...options, training: true, momentum: 1 })
  noGrad(() => {
    const part = count.to(mean.dtype).reciprocal()
    const rest = part.neg().add(1)
    running[0].copy_(running[0].mul(rest).add(mean.mul(part)))
    running[1].copy_(running[1].mul(rest).add(variance.mul(part)))
  })
  return y
}

abstract class BatchNormNd extends RunningNorm {
  constructor(numFeatures: number, ...rest: BatchNormArguments) {
    super(true, numFeatures, rest)
  }

  /** How many dimensions x may have. */
  protected abstract readonly ranks: readonly number[]

  override forward(x: Tensor): Tensor {
    checkTensor('batchNorm', 'x', x)
    if (!this.ranks.includes(x.rank)) {
      throw new ShapeError(
        `batchNorm: x is ${shapeText(x.shape)}, expected ${this.ranks.join(' or ')} dimensions [N, C, …]`,
      )
    }
    const { weight, bias, eps, runningMean, runningVar, numBatchesTracked: count } = this
    if (this.training && count) count.copy_(count.add(1))
    if (this.training && this.momentum === null && runningMean && runningVar && count) {
      return averaged(x, [runningMean, runningVar], count, { weight, bias, eps })
    }
    return F.batchNorm(x, runningMean, runningVar, {
      weight,
      bias,
      training: this.training || !runningMean,
      momentum: this.momentum ?? 0,
      eps,
    })
  }
}

/**
 * Batch normalisation: [N, C] or [N, C, L] → the same shape. Each channel gets mean 0 and variance 1 over the batch, then weight
 * and bias; in evaluation mode by the running statistics. Defaults: eps 1e-5, momentum 0.1, affine true, trackRunningStats true.
 * @throws ValueError if numFeatures is not a whole number, or an option is unknown; `forward` ShapeError for other dimensions or
 * channels.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
 * @example new nn.BatchNorm1d(64)
 */
export class BatchNorm1d extends BatchNormNd {
  protected override get ranks(): readonly number[] {
    return [2, 3]
  }
}

/**
 * Batch normalisation: [N, C, H, W] → the same shape. Each channel gets mean 0 and variance 1 over the batch, then weight and bias; in
 * evaluation mode by the running statistics. Defaults: eps 1e-5, momentum 0.1, affine true, trackRunningStats true.
 * @throws ValueError if numFeatures is not a whole number, or an option is unknown; `forward` ShapeError for other dimensions or
 * channels.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
 * @see https://arxiv.org/abs/1502.03167
 * @example new nn.BatchNorm2d(32)
 */
export class BatchNorm2d extends BatchNormNd {
  protected override get ranks(): readonly number[] {
    return [4]
  }
}

/**
 * Batch normalisation: [N, C, D, H, W] → the same shape. Each channel gets mean 0 and variance 1 over the batch, then weight and
 * bias; in evaluation mode by the running statistics. Defaults: eps 1e-5, momentum 0.1, affine true, trackRunningStats true.
 * @throws ValueError if numFeatures is not a whole number, or an option is unknown; `forward` ShapeError for other dimensions or
 * channels.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html
 * @example new nn.BatchNorm3d(16)
 */
export class BatchNorm3d extends BatchNormNd {
  protected override get ranks(): readonly number[] {
    return [5]
  }
}

abstract class InstanceNormNd extends RunningNorm {
  constructor(numFeatures: number, ...rest: BatchNormArguments) {
    super(false, numFeatures, rest)
  }

  protected abstract readonly spatial: number

  override forward(x: Tensor): Tensor {
    return batched('instanceNorm', x, this.spatial, (input) => {
      if (input.shape[1] !== this.numFeatures) {
        throw new ShapeError(`instanceNorm: x is ${shapeText(x.shape)}, expected ${this.numFeatures} channels`)
      }
      return F.instanceNorm(input, {
        runningMean: this.runningMean,
        runningVar: this.runningVar,
        weight: this.weight,
        bias: this.bias,
        useInputStats: this.training || !this.runningMean,
        momentum: this.momentum ?? 0,
        eps: this.eps,
      })
    })
  }
}

/**
 * Instance normalisation: [N, C, L] or [C, L] → the same shape. Each row gets mean 0 and variance 1 by itself. Defaults: eps 1e-5,
 * momentum 0.1, affine false, trackRunningStats false.
 * @throws ValueError if numFeatures is not a whole number, or an option is unknown; `forward` ShapeError for other dimensions or
 * channels.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html
 * @example new nn.InstanceNorm1d(64)
 */
export class InstanceNorm1d extends InstanceNormNd {
  protected override get spatial(): number {
    return 1
  }
}

/**
 * Instance normalisation: [N, C, H, W] or [C, H, W] → the same shape. Each plane gets mean 0 and variance 1 by itself. Defaults:
 * eps 1e-5, momentum 0.1, affine false, trackRunningStats false.
 * @throws ValueError if numFeatures is not a whole number, or an option is unknown; `forward` ShapeError for other dimensions or
 * channels.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html
 * @example new nn.InstanceNorm2d(64, { affine: true })
 */
export class InstanceNorm2d extends InstanceNormNd {
  protected override get spatial(): number {
    return 2
  }
}

/**
 * Instance normalisation: [N, C, D, H, W] or [C, D, H, W] → the same shape. Each volume gets mean 0 and variance 1 by itself.
 * Defaults: eps 1e-5, momentum 0.1, affine false, trackRunningStats false.
 * @throws ValueError if numFeatures is not a whole number, or an option is unknown; `forward` ShapeError for other dimensions or
 * channels.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm3d.html
 * @example new nn.InstanceNorm3d(16)
 */
export class InstanceNorm3d extends InstanceNormNd {
  protected override get spatial(): number {
    return 3
  }
}

export interface LayerNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** Whether there are weight (1 at first) and bias (0). Default true. */
  elementwiseAffine?: boolean
  /** Whether there is a bias beside the weight. Default true. */
  bias?: boolean
}

/** The options of layer normalisation by name, or in PyTorch's order. */
export type LayerNormArguments =
  | [options?: LayerNormOptions]
  | [eps?: number, elementwiseAffine?: boolean, bias?: boolean]

const layerNormChecks: Checks<LayerNormOptions> = {
  ...factoryChecks,
  eps: checkNumber,
  elementwiseAffine: checkBoolean,
  bias: checkBoolean,
}

/**
 * Layer normalisation over the last dimensions, whose sizes are normalizedShape: any shape that ends in it → the same shape.
 * Defaults: eps 1e-5, elementwiseAffine true, bias true.
 * @throws ValueError if normalizedShape holds anything but numbers, or an option is unknown; `forward` ShapeError for another end
 * of shape.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
 * @see https://arxiv.org/abs/1607.06450
 * @example new nn.LayerNorm([64, 8, 8])
 */
export class LayerNorm extends Module {
  /** The scale, of normalizedShape; null without elementwiseAffine. */
  weight: Parameter | null
  /** The shift, of normalizedShape; null without it. */
  bias: Parameter | null
  /** Sizes of the dimensions that are normalised over. */
  readonly normalizedShape: readonly number[]
  /** Added to the variance. */
  readonly eps: number

  constructor(normalizedShape: number | readonly number[], ...rest: LayerNormArguments) {
    super()
    const options = namedArguments<LayerNormOptions>(new.target.name, rest, ['eps', 'elementwiseAffine', 'bias'])
    const checked = checkOptions(new.target.name, options, layerNormChecks)
    const { eps = 1e-5, elementwiseAffine = true, bias = true, ...factory } = checked
    if (typeof normalizedShape !== 'number') checkNumbers(new.target.name, 'normalizedShape', normalizedShape)
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    this.eps = eps
    this.weight = elementwiseAffine ? parameterOf(ones(this.normalizedShape, factory)) : null
    this.bias = elementwiseAffine && bias ? parameterOf(zeros(this.normalizedShape, factory)) : null
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this
    return F.layerNorm(x, this.normalizedShape, { weight, bias, eps })
  }

  protected override describe(): string {
    return `[${this.normalizedShape.join(', ')}]`
  }
}

export interface GroupNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** Whether there are weight (1 at first) and bias (0). Default true. */
  affine?: boolean
}

/** The options of group normalisation by name, or in PyTorch's order. */
export type GroupNormArguments = [options?: GroupNormOptions] | [eps?: number, affine?: boolean]

const groupNormChecks: Checks<GroupNormOptions> = { ...factoryChecks, eps: checkNumber, affine: checkBoolean }

/**
 * Group normalisation: [N, C, spatial…] → the same shape. Each of numGroups groups of channels of a sample gets mean 0 and variance 1.
 * Defaults: eps 1e-5, affine true.
 * @throws ValueError if numGroups does not divide numChannels, or an option is unknown; `forward` ShapeError for other channels.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
 * @see https://arxiv.org/abs/1803.08494
 * @example new nn.GroupNorm(8, 64)
 */
export class GroupNorm extends Module {
  /** The scale [numChannels]; null without affine. */
  weight: Parameter | null
  /** The shift [numChannels]; null without affine. */
  bias: Parameter | null
  /** Number of groups of channels. */
  readonly numGroups: number
  /** Number of channels. */
  readonly numChannels: number
  /** Added to the variance. */
  readonly eps: number

  constructor(numGroups: number, numChannels: number, ...rest: GroupNormArguments) {
    super()
    const options = namedArguments<GroupNormOptions>(new.target.name, rest, ['eps', 'affine'])
    const { eps = 1e-5, affine = true, ...factory } = checkOptions(new.target.name, options, groupNormChecks)
    checkInteger(new.target.name, 'numGroups', numGroups)
    checkInteger(new.target.name, 'numChannels', numChannels, 0)
    if (!(numGroups >= 1) || numChannels % numGroups !== 0) {
      throw new ValueError(`GroupNorm: numGroups is ${numGroups}, expected a divisor of numChannels ${numChannels}`)
    }
    this.numGroups = numGroups
    this.numChannels = numChannels
    this.eps = eps
    this.weight = affine ? parameterOf(ones([numChannels], factory)) : null
    this.bias = affine ? parameterOf(zeros([numChannels], factory)) : null
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this
    return F.groupNorm(x, this.numGroups, { weight, bias, eps })
  }

  protected override describe(): string {
    return `${this.numGroups}, ${this.numChannels}`
  }
}

/** The options of local response normalisation by name, or in PyTorch's order. */
export type LocalResponseNormArguments =
  | [options?: F.LocalResponseNormOptions]
  | [alpha?: number, beta?: number, k?: number]

/**
 * Local response normalisation: [N, C, spatial…] → the same shape. Divides by (k + alpha · mean of the squares of `size` neighbouring
 * channels)^beta. Defaults: alpha 1e-4, beta 0.75, k 1.
 * @throws ValueError if size is not a positive integer, or an option is unknown.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html
 * @example new nn.LocalResponseNorm(5, { k: 2 })
 */
export class LocalResponseNorm extends Module {
  /** Number of neighbouring channels. */
  readonly size: number
  /** What the constructor was given: alpha, beta, k. */
  readonly options: Readonly<F.LocalResponseNormOptions>
  constructor(size: number, ...rest: LocalResponseNormArguments) {
    super()
    const options = namedArguments<F.LocalResponseNormOptions>(new.target.name, rest, ['alpha', 'beta', 'k'])
    checkInteger(new.target.name, 'size', size, 1)
    this.size = size
    this.options = checkOptions(new.target.name, options, checks.localResponseNormChecks)
  }
  override forward(x: Tensor): Tensor {
    return F.localResponseNorm(x, this.size, this.options)
  }
  protected override describe(): string {
    return `${this.size}`
  }
}
