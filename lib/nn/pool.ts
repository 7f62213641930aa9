// Pooling as modules: one base a family, from which each number of spatial dimensions takes all but its function.
import { checkOptions, checkSizeOrSizes } from '../check.js'
import type { Size } from '../functional/arguments.js'
import * as checks from '../functional/checks.js'
import * as F from '../functional/pool.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'
import { namedArguments, optionsText } from './positional.js'

/** What a pool returns: with `returnIndices` also where the maxima are. */
export type PoolOutput<Indices extends boolean> = Indices extends true ? [Tensor, Tensor] : Tensor

export interface MaxPoolModuleOptions<Indices extends boolean> extends F.MaxPoolOptions {
  /** Also return the int32 positions of the maxima within their planes. Default false. */
  returnIndices?: Indices
}

export interface AdaptiveMaxPoolOptions<Indices extends boolean> {
  /** Also return the int32 positions of the maxima within their planes. Default false. */
  returnIndices?: Indices
}

/** The options of a max pool by name, or in PyTorch's order. */
export type MaxPoolArguments<Indices extends boolean> =
  | [options?: MaxPoolModuleOptions<Indices>]
  | [stride?: Size, padding?: Size, dilation?: Size, returnIndices?: Indices, ceilMode?: boolean]

/** The options of an unpooling by name, or in PyTorch's order. */
export type MaxUnpoolArguments = [options?: MaxUnpoolModuleOptions] | [stride?: Size, padding?: Size]

/** The options of an average pool by name, or in PyTorch's order. */
export type AvgPoolArguments =
  | [options?: F.AvgPoolOptions]
  | [stride?: Size, padding?: Size, ceilMode?: boolean, countIncludePad?: boolean, divisorOverride?: number]

/** The options of an adaptive max pool by name, or in PyTorch's order. */
export type AdaptiveMaxPoolArguments<Indices extends boolean> =
  | [options?: AdaptiveMaxPoolOptions<Indices>]
  | [returnIndices?: Indices]

export type MaxUnpoolModuleOptions = Omit<F.MaxUnpoolOptions, 'outputSize'>

const unpoolChecks = { stride: checks.maxUnpoolChecks.stride, padding: checks.maxUnpoolChecks.padding }

abstract class MaxPoolNd<Indices extends boolean> extends Module<[x: Tensor], PoolOutput<Indices>> {
  /** Size of the window: one number, or one for each spatial dimension. */
  readonly kernelSize: Size
  /** What the constructor was given: stride, padding and the like. */
  readonly options: Readonly<MaxPoolModuleOptions<Indices>>

  constructor(kernelSize: Size, ...rest: MaxPoolArguments<Indices>) {
    super()
    const op = new.target.name
    const order = ['stride', 'padding', 'dilation', 'returnIndices', 'ceilMode'] as const
    const options = namedArguments<MaxPoolModuleOptions<Indices>>(op, rest, order)
    checkSizeOrSizes(op, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(op, options, checks.maxPoolChecks)
  }

  protected abstract readonly pool: typeof F.maxPool1d

  override forward(x: Tensor): PoolOutput<Indices> {
    const { returnIndices, ...options } = this.options
    const y = returnIndices
      ? this.pool(x, this.kernelSize, { ...options, returnIndices: true })
      : this.pool(x, this.kernelSize, options)
    return y as PoolOutput<Indices>
  }

  protected override describe(): string {
    return JSON.stringify(this.kernelSize) + optionsText(this.options)
  }
}

abstract class MaxUnpoolNd extends Module<[x: Tensor, indices: Tensor, outputSize?: readonly number[]]> {
  /** Size of the window: one number, or one for each spatial dimension. */
  readonly kernelSize: Size
  /** What the constructor was given: stride, padding and the like. */
  readonly options: Readonly<MaxUnpoolModuleOptions>

  constructor(kernelSize: Size, ...rest: MaxUnpoolArguments) {
    super()
    const op = new.target.name
    const options = namedArguments<MaxUnpoolModuleOptions>(op, rest, ['stride', 'padding'])
    checkSizeOrSizes(op, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(op, options, unpoolChecks)
  }

  protected abstract readonly unpool: typeof F.maxUnpool1d

  override forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return this.unpool(x, indices, this.kernelSize, { ...this.options, outputSize })
  }

  protected override describe(): string {
    return JSON.stringify(this.kernelSize) + optionsText(this.options)
  }
}

abstract class AvgPoolNd extends Module {
  /** Size of the window: one number, or one for each spatial dimension. */
  readonly kernelSize: Size
  /** What the constructor was given: stride, padding and the like. */
  readonly options: Readonly<F.AvgPoolOptions>

  constructor(kernelSize: Size, ...rest: AvgPoolArguments) {
    super()
    const op = new.target.name
    const order = ['stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride'] as const
    const options = namedArguments<F.AvgPoolOptions>(op, rest, order)
    checkSizeOrSizes(op, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(op, options, checks.avgPoolChecks)
  }

  protected abstract readonly pool: typeof F.avgPool1d

  override forward(x: Tensor): Tensor {
    return this.pool(x, this.kernelSize, this.options)
  }

  protected override describe(): string {
    return JSON.stringify(this.kernelSize) + optionsText(this.options)
  }
}

abstract class AdaptiveAvgPoolNd extends Module {
  /** Spatial sizes of the output; null keeps one. */
  readonly outputSize: F.AdaptiveSize

  constructor(outputSize: F.AdaptiveSize) {
    super()
    checks.checkAdaptiveSize(new.target.name, 'outputSize', outputSize)
    this.outputSize = outputSize
  }

  protected abstract readonly pool: typeof F.adaptiveAvgPool1d

  override forward(x: Tensor): Tensor {
    return this.pool(x, this.outputSize)
  }

  protected override describe(): string {
    return JSON.stringify(this.outputSize)
  }
}

abstract class AdaptiveMaxPoolNd<Indices extends boolean> extends Module<[x: Tensor], PoolOutput<Indices>> {
  /** Spatial sizes of the output; null keeps one. */
  readonly outputSize: F.AdaptiveSize
  /** Whether `forward` returns the positions of the maxima as well. */
  readonly returnIndices: boolean

  constructor(outputSize: F.AdaptiveSize, ...rest: AdaptiveMaxPoolArguments<Indices>) {
    super()
    const op = new.target.name
    const options = namedArguments<AdaptiveMaxPoolOptions<Indices>>(op, rest, ['returnIndices'])
    const { returnIndices } = checkOptions(op, options, checks.indicesChecks)
    checks.checkAdaptiveSize(op, 'outputSize', outputSize)
    this.outputSize = outputSize
    this.returnIndices = returnIndices ?? false
  }

  protected abstract readonly pool: typeof F.adaptiveMaxPool1d

  override forward(x: Tensor): PoolOutput<Indices> {
    const y = this.returnIndices
      ? this.pool(x, this.outputSize, { returnIndices: true })
      : this.pool(x, this.outputSize)
    return y as PoolOutput<Indices>
  }

  protected override describe(): string {
    return JSON.stringify(this.outputSize)
  }
}

/**
 * The maximum of each window: [N, C, L] or [C, L] → [N, C, L'], where L' = ⌊(L + 2·padding − dilation·(kernelSize − 1) − 1) /
 * stride⌋ + 1. With `returnIndices` [y, indices]. Defaults: stride kernelSize, padding 0, dilation 1, ceilMode false.
 * @throws ValueError if a size is not a number, or an option is unknown; `forward` ShapeError if no window fits.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html
 * @example new nn.MaxPool1d(2)
 */
export class MaxPool1d<Indices extends boolean = false> extends MaxPoolNd<Indices> {
  protected override get pool() {
    return F.maxPool1d
  }
}

/**
 * The maximum of each window: [N, C, H, W] or [C, H, W] → [N, C, H', W'], where H' = ⌊(H + 2·padding − dilation·(kernelSize − 1)
 * − 1) / stride⌋ + 1, and W' likewise. With `returnIndices` [y, indices]. Defaults: stride kernelSize, padding 0, dilation 1,
 * ceilMode false.
 * @throws ValueError if a size is not a number, or an option is unknown; `forward` ShapeError if no window fits.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 * @example new nn.MaxPool2d(3, { stride: 2, padding: 1 })
 * @example new nn.MaxPool2d(3, 2, 1)
 */
export class MaxPool2d<Indices extends boolean = false> extends MaxPoolNd<Indices> {
  protected override get pool() {
    return F.maxPool2d
  }
}

/**
 * The maximum of each window: [N, C, D, H, W] or [C, D, H, W] → [N, C, D', H', W'], where
 * D' = ⌊(D + 2·padding − dilation·(kernelSize − 1) − 1) / stride⌋ + 1, and H', W' likewise.
 * With `returnIndices` [y, indices]. Defaults: stride kernelSize, padding 0, dilation 1, ceilMode false.
 * @throws ValueError if a size is not a number, or an option is unknown; `forward` ShapeError if no window fits.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool3d.html
 * @example new nn.MaxPool3d(2)
 */
export class MaxPool3d<Indices extends boolean = false> extends MaxPoolNd<Indices> {
  protected override get pool() {
    return F.maxPool3d
  }
}

/**
 * Undoes MaxPool1d: puts x [N, C, L] at the `indices` that it returned, into zeros [N, C, L'], L' = (L − 1)·stride − 2·padding +
 * kernelSize. `forward` takes the `outputSize` where several sizes pool to the same. Defaults: stride kernelSize, padding 0.
 * @throws ValueError if a size is not a number, or an option is unknown; `forward` also if outputSize does not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool1d.html
 * @example new nn.MaxUnpool1d(2).forward(y, indices)
 */
export class MaxUnpool1d extends MaxUnpoolNd {
  protected override get unpool() {
    return F.maxUnpool1d
  }
}

/**
 * Undoes MaxPool2d: puts x [N, C, H, W] at the `indices` that it returned, into zeros [N, C, H', W'], H' = (H − 1)·stride −
 * 2·padding + kernelSize. `forward` takes the `outputSize` where several sizes pool to the same. Defaults: stride kernelSize,
 * padding 0.
 * @throws ValueError if a size is not a number, or an option is unknown; `forward` also if outputSize does not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html
 * @example new nn.MaxUnpool2d(2).forward(y, indices)
 */
export class MaxUnpool2d extends MaxUnpoolNd {
  protected override get unpool() {
    return F.maxUnpool2d
  }
}

/**
 * Undoes MaxPool3d: puts x [N, C, D, H, W] at the `indices` that it returned, into zeros [N, C, D', H', W'], D' = (D − 1)·stride
 * − 2·padding + kernelSize. `forward` takes the `outputSize` where several sizes pool to the same. Defaults: stride kernelSize,
 * padding 0.
 * @throws ValueError if a size is not a number, or an option is unknown; `forward` also if outputSize does not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool3d.html
 * @example new nn.MaxUnpool3d(2).forward(y, indices)
 */
export class MaxUnpool3d extends MaxUnpoolNd {
  protected override get unpool() {
    return F.maxUnpool3d
  }
}

/**
 * The mean of each window: [N, C, L] or [C, L] → [N, C, L'], where L' = ⌊(L + 2·padding − kernelSize) / stride⌋ + 1. Defaults:
 * stride kernelSize, padding 0, ceilMode false, countIncludePad true, divisorOverride the window's size.
 * @throws ValueError if a size is not a number, or an option is unknown; `forward` ShapeError if no window fits.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html
 * @example new nn.AvgPool1d(2)
 */
export class AvgPool1d extends AvgPoolNd {
  protected override get pool() {
    return F.avgPool1d
  }
}

/**
 * The mean of each window: [N, C, H, W] or [C, H, W] → [N, C, H', W'], where H' = ⌊(H + 2·padding − kernelSize) / stride⌋ + 1,
 * and W' likewise. Defaults: stride kernelSize, padding 0, ceilMode false, countIncludePad true, divisorOverride the window's
 * size.
 * @throws ValueError if a size is not a number, or an option is unknown; `forward` ShapeError if no window fits.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
 * @example new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false })
 */
export class AvgPool2d extends AvgPoolNd {
  protected override get pool() {
    return F.avgPool2d
  }
}

/**
 * The mean of each window: [N, C, D, H, W] or [C, D, H, W] → [N, C, D', H', W'], where D' = ⌊(D + 2·padding − kernelSize) /
 * stride⌋ + 1, and H', W' likewise. Defaults: stride kernelSize, padding 0, ceilMode false, countIncludePad true, divisorOverride
 * the window's size.
 * @throws ValueError if a size is not a number, or an option is unknown; `forward` ShapeError if no window fits.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool3d.html
 * @example new nn.AvgPool3d(2, 2)
 */
export class AvgPool3d extends AvgPoolNd {
  protected override get pool() {
    return F.avgPool3d
  }
}

/**
 * Means of windows chosen so that the output has outputSize: [N, C, L] or [C, L] → [N, C, L'].
 * outputSize is one number, or one for each spatial dimension; null keeps a size.
 * @throws ValueError if outputSize holds anything but numbers and null; `forward` ShapeError if x has another number of spatial
 * dimensions.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html
 * @example new nn.AdaptiveAvgPool1d(1)
 */
export class AdaptiveAvgPool1d extends AdaptiveAvgPoolNd {
  protected override get pool() {
    return F.adaptiveAvgPool1d
  }
}

/**
 * Means of windows chosen so that the output has outputSize: [N, C, H, W] or [C, H, W] → [N, C, H', W'].
 * outputSize is one number, or one for each spatial dimension; null keeps a size.
 * @throws ValueError if outputSize holds anything but numbers and null; `forward` ShapeError if x has another number of spatial
 * dimensions.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
 * @example new nn.AdaptiveAvgPool2d(1)
 */
export class AdaptiveAvgPool2d extends AdaptiveAvgPoolNd {
  protected override get pool() {
    return F.adaptiveAvgPool2d
  }
}

/**
 * Means of windows chosen so that the output has outputSize: [N, C, D, H, W] or [C, D, H, W] → [N, C, D', H', W'].
 * outputSize is one number, or one for each spatial dimension; null keeps a size.
 * @throws ValueError if outputSize holds anything but numbers and null; `forward` ShapeError if x has another number of spatial
 * dimensions.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool3d.html
 * @example new nn.AdaptiveAvgPool3d(1)
 */
export class AdaptiveAvgPool3d extends AdaptiveAvgPoolNd {
  protected override get pool() {
    return F.adaptiveAvgPool3d
  }
}

/**
 * Maxima of windows chosen so that the output has outputSize: [N, C, L] or [C, L] → [N, C, L'].
 * outputSize is one number, or one for each spatial dimension; null keeps a size. With `returnIndices` (default false)
 * [y, indices].
 * @throws ValueError if outputSize holds anything but numbers and null; `forward` ShapeError if x has another number of spatial
 * dimensions.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool1d.html
 * @example new nn.AdaptiveMaxPool1d(4)
 */
export class AdaptiveMaxPool1d<Indices extends boolean = false> extends AdaptiveMaxPoolNd<Indices> {
  protected override get pool() {
    return F.adaptiveMaxPool1d
  }
}

/**
 * Maxima of windows chosen so that the output has outputSize: [N, C, H, W] or [C, H, W] → [N, C, H', W'].
 * outputSize is one number, or one for each spatial dimension; null keeps a size. With `returnIndices` (default false)
 * [y, indices].
 * @throws ValueError if outputSize holds anything but numbers and null; `forward` ShapeError if x has another number of spatial
 * dimensions.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html
 * @example new nn.AdaptiveMaxPool2d(4)
 */
export class AdaptiveMaxPool2d<Indices extends boolean = false> extends AdaptiveMaxPoolNd<Indices> {
  protected override get pool() {
    return F.adaptiveMaxPool2d
  }
}

/**
 * Maxima of windows chosen so that the output has outputSize: [N, C, D, H, W] or [C, D, H, W] → [N, C, D', H', W'].
 * outputSize is one number, or one for each spatial dimension; null keeps a size. With `returnIndices` (default false)
 * [y, indices].
 * @throws ValueError if outputSize holds anything but numbers and null; `forward` ShapeError if x has another number of spatial
 * dimensions.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool3d.html
 * @example new nn.AdaptiveMaxPool3d(4)
 */
export class AdaptiveMaxPool3d<Indices extends boolean = false> extends AdaptiveMaxPoolNd<Indices> {
  protected override get pool() {
    return F.adaptiveMaxPool3d
  }
}

/**
 * The mean of each plane: [N, C, spatial…] → [N, C, 1…]; without `keepdim` (default true) [N, C], so that a linear layer can follow.
 * @throws ValueError if keepdim is not a boolean; `forward` ShapeError without a spatial dimension.
 * @see https://arxiv.org/abs/1312.4400 (Lin, Chen, Yan: Network In Network, section 3.2)
 * @example new nn.Sequential(new nn.Conv2d(3, 64, 3), new nn.GlobalAvgPool({ keepdim: false }), new nn.Linear(64, 10))
 */
export class GlobalAvgPool extends Module {
  /** Whether the spatial dimensions stay, with size 1. */
  readonly keepdim: boolean
  constructor(options: F.GlobalPoolOptions = {}) {
    super()
    this.keepdim = checkOptions(new.target.name, options, checks.globalPoolChecks).keepdim ?? true
  }
  override forward(x: Tensor): Tensor {
    return F.globalAvgPool(x, { keepdim: this.keepdim })
  }
}

/**
 * The maximum of each plane: [N, C, spatial…] → [N, C, 1…]; without `keepdim` (default true) [N, C], so that a linear layer can follow.
 * @throws ValueError if keepdim is not a boolean; `forward` ShapeError without a spatial dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.amax.html
 * @example new nn.GlobalMaxPool({ keepdim: false })
 */
export class GlobalMaxPool extends Module {
  /** Whether the spatial dimensions stay, with size 1. */
  readonly keepdim: boolean
  constructor(options: F.GlobalPoolOptions = {}) {
    super()
    this.keepdim = checkOptions(new.target.name, options, checks.globalPoolChecks).keepdim ?? true
  }
  override forward(x: Tensor): Tensor {
    return F.globalMaxPool(x, { keepdim: this.keepdim })
  }
}
