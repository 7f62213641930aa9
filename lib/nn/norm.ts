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
  weight: Parameter | null
  bias: Parameter | null
  runningMean: Buffer | null
  runningVar: Buffer | null
  /** int32 scalar: how many batches the running statistics have seen; counted by batch normalisation alone, as in PyTorch. */
  numBatchesTracked: Buffer | null
  readonly numFeatures: number
  readonly eps: number
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

  /** Sets the running statistics back to mean 0 and variance 1. */
  resetRunningStats(): void {
    this.runningMean?.fill_(0)
    this.runningVar?.fill_(1)
    this.numBatchesTracked?.fill_(0)
  }

  protected override describe(): string {
    return `${this.numFeatures}${this.weight ? '' : ', affine: false'}${this.runningMean ? '' : ', trackRunningStats: false'}`
  }
}

/** Training without momentum: batch number `count` weighs 1 / count. The counter stays on the device, so that nothing is read. */
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
 * Normalises each channel of [N, C] or [N, C, L] over the batch; in evaluation mode with the running statistics.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
 * @example new nn.BatchNorm1d(64)
 */
export class BatchNorm1d extends BatchNormNd {
  protected override get ranks(): readonly number[] {
    return [2, 3]
  }
}

/**
 * Normalises each channel of [N, C, H, W] over the batch; in evaluation mode with the running statistics.
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
 * Normalises each channel of [N, C, D, H, W] over the batch; in evaluation mode with the running statistics.
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
 * Normalises each row of [N, C, L] or [C, L] by itself.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html
 * @example new nn.InstanceNorm1d(64)
 */
export class InstanceNorm1d extends InstanceNormNd {
  protected override get spatial(): number {
    return 1
  }
}

/**
 * Normalises each plane of [N, C, H, W] or [C, H, W] by itself.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html
 * @example new nn.InstanceNorm2d(64, { affine: true })
 */
export class InstanceNorm2d extends InstanceNormNd {
  protected override get spatial(): number {
    return 2
  }
}

/**
 * Normalises each volume of [N, C, D, H, W] or [C, D, H, W] by itself.
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
 * Normalises over the last dimensions, whose sizes are normalizedShape.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
 * @see https://arxiv.org/abs/1607.06450
 * @example new nn.LayerNorm([64, 8, 8])
 */
export class LayerNorm extends Module {
  weight: Parameter | null
  bias: Parameter | null
  readonly normalizedShape: readonly number[]
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
 * Normalises each of numGroups groups of channels of each sample of [N, C, spatial…].
 * @throws ValueError when numGroups does not divide numChannels.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
 * @see https://arxiv.org/abs/1803.08494
 * @example new nn.GroupNorm(8, 64)
 */
export class GroupNorm extends Module {
  weight: Parameter | null
  bias: Parameter | null
  readonly numGroups: number
  readonly numChannels: number
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
 * Divides by a power of the sum of squares of `size` neighbouring channels. Defaults: alpha 1e-4, beta 0.75, k 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html
 * @example new nn.LocalResponseNorm(5, { k: 2 })
 */
export class LocalResponseNorm extends Module {
  readonly size: number
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
