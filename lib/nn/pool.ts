// Pooling as modules.
import { checkOptions, checkSizeOrSizes } from '../check.js'
import type { Size } from '../functional/arguments.js'
import * as checks from '../functional/checks.js'
import * as F from '../functional/pool.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'

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

type UnpoolOptions = Omit<F.MaxUnpoolOptions, 'outputSize'>

const unpoolChecks = { stride: checks.maxUnpoolChecks.stride, padding: checks.maxUnpoolChecks.padding }

function text(value: unknown, options: object = {}): string {
  const given = Object.entries(options).map(([name, each]) => `, ${name}: ${JSON.stringify(each)}`)
  return JSON.stringify(value) + given.join('')
}

/**
 * The maximum of each window: [N, C, L] → [N, C, L']. stride is kernelSize by default.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html
 * @example new nn.MaxPool1d(2)
 */
export class MaxPool1d<Indices extends boolean = false> extends Module<[x: Tensor], PoolOutput<Indices>> {
  readonly kernelSize: Size
  readonly options: Readonly<MaxPoolModuleOptions<Indices>>
  constructor(kernelSize: Size, options: MaxPoolModuleOptions<Indices> = {}) {
    super()
    checkSizeOrSizes(new.target.name, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(new.target.name, options, checks.maxPoolChecks)
  }
  override forward(x: Tensor): PoolOutput<Indices> {
    const { returnIndices, ...options } = this.options
    const y = returnIndices
      ? F.maxPool1d(x, this.kernelSize, { ...options, returnIndices: true })
      : F.maxPool1d(x, this.kernelSize, options)
    return y as PoolOutput<Indices>
  }
  protected override describe(): string {
    return text(this.kernelSize, this.options)
  }
}

/**
 * The maximum of each window: [N, C, H, W] → [N, C, H', W']. stride is kernelSize by default.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 * @example new nn.MaxPool2d(2)
 */
export class MaxPool2d<Indices extends boolean = false> extends Module<[x: Tensor], PoolOutput<Indices>> {
  readonly kernelSize: Size
  readonly options: Readonly<MaxPoolModuleOptions<Indices>>
  constructor(kernelSize: Size, options: MaxPoolModuleOptions<Indices> = {}) {
    super()
    checkSizeOrSizes(new.target.name, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(new.target.name, options, checks.maxPoolChecks)
  }
  override forward(x: Tensor): PoolOutput<Indices> {
    const { returnIndices, ...options } = this.options
    const y = returnIndices
      ? F.maxPool2d(x, this.kernelSize, { ...options, returnIndices: true })
      : F.maxPool2d(x, this.kernelSize, options)
    return y as PoolOutput<Indices>
  }
  protected override describe(): string {
    return text(this.kernelSize, this.options)
  }
}

/**
 * The maximum of each window: [N, C, D, H, W] → [N, C, D', H', W']. stride is kernelSize by default.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool3d.html
 * @example new nn.MaxPool3d(2)
 */
export class MaxPool3d<Indices extends boolean = false> extends Module<[x: Tensor], PoolOutput<Indices>> {
  readonly kernelSize: Size
  readonly options: Readonly<MaxPoolModuleOptions<Indices>>
  constructor(kernelSize: Size, options: MaxPoolModuleOptions<Indices> = {}) {
    super()
    checkSizeOrSizes(new.target.name, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(new.target.name, options, checks.maxPoolChecks)
  }
  override forward(x: Tensor): PoolOutput<Indices> {
    const { returnIndices, ...options } = this.options
    const y = returnIndices
      ? F.maxPool3d(x, this.kernelSize, { ...options, returnIndices: true })
      : F.maxPool3d(x, this.kernelSize, options)
    return y as PoolOutput<Indices>
  }
  protected override describe(): string {
    return text(this.kernelSize, this.options)
  }
}

/**
 * Undoes MaxPool1d: puts x at the indices that it returned, into zeros. outputSize is for sizes that pool to the same.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool1d.html
 * @example new nn.MaxUnpool1d(2).forward(y, indices)
 */
export class MaxUnpool1d extends Module<[x: Tensor, indices: Tensor, outputSize?: readonly number[]]> {
  readonly kernelSize: Size
  readonly options: Readonly<UnpoolOptions>
  constructor(kernelSize: Size, options: UnpoolOptions = {}) {
    super()
    checkSizeOrSizes(new.target.name, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(new.target.name, options, unpoolChecks)
  }
  override forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return F.maxUnpool1d(x, indices, this.kernelSize, { ...this.options, outputSize })
  }
  protected override describe(): string {
    return text(this.kernelSize, this.options)
  }
}

/**
 * Undoes MaxPool2d: puts x at the indices that it returned, into zeros. outputSize is for sizes that pool to the same.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html
 * @example new nn.MaxUnpool2d(2).forward(y, indices)
 */
export class MaxUnpool2d extends Module<[x: Tensor, indices: Tensor, outputSize?: readonly number[]]> {
  readonly kernelSize: Size
  readonly options: Readonly<UnpoolOptions>
  constructor(kernelSize: Size, options: UnpoolOptions = {}) {
    super()
    checkSizeOrSizes(new.target.name, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(new.target.name, options, unpoolChecks)
  }
  override forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return F.maxUnpool2d(x, indices, this.kernelSize, { ...this.options, outputSize })
  }
  protected override describe(): string {
    return text(this.kernelSize, this.options)
  }
}

/**
 * Undoes MaxPool3d: puts x at the indices that it returned, into zeros. outputSize is for sizes that pool to the same.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool3d.html
 * @example new nn.MaxUnpool3d(2).forward(y, indices)
 */
export class MaxUnpool3d extends Module<[x: Tensor, indices: Tensor, outputSize?: readonly number[]]> {
  readonly kernelSize: Size
  readonly options: Readonly<UnpoolOptions>
  constructor(kernelSize: Size, options: UnpoolOptions = {}) {
    super()
    checkSizeOrSizes(new.target.name, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(new.target.name, options, unpoolChecks)
  }
  override forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return F.maxUnpool3d(x, indices, this.kernelSize, { ...this.options, outputSize })
  }
  protected override describe(): string {
    return text(this.kernelSize, this.options)
  }
}

/**
 * The mean of each window: [N, C, L] → [N, C, L']. stride is kernelSize by default.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html
 * @example new nn.AvgPool1d(2)
 */
export class AvgPool1d extends Module {
  readonly kernelSize: Size
  readonly options: Readonly<F.AvgPoolOptions>
  constructor(kernelSize: Size, options: F.AvgPoolOptions = {}) {
    super()
    checkSizeOrSizes(new.target.name, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(new.target.name, options, checks.avgPoolChecks)
  }
  override forward(x: Tensor): Tensor {
    return F.avgPool1d(x, this.kernelSize, this.options)
  }
  protected override describe(): string {
    return text(this.kernelSize, this.options)
  }
}

/**
 * The mean of each window: [N, C, H, W] → [N, C, H', W']. stride is kernelSize by default.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
 * @example new nn.AvgPool2d(2)
 */
export class AvgPool2d extends Module {
  readonly kernelSize: Size
  readonly options: Readonly<F.AvgPoolOptions>
  constructor(kernelSize: Size, options: F.AvgPoolOptions = {}) {
    super()
    checkSizeOrSizes(new.target.name, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(new.target.name, options, checks.avgPoolChecks)
  }
  override forward(x: Tensor): Tensor {
    return F.avgPool2d(x, this.kernelSize, this.options)
  }
  protected override describe(): string {
    return text(this.kernelSize, this.options)
  }
}

/**
 * The mean of each window: [N, C, D, H, W] → [N, C, D', H', W']. stride is kernelSize by default.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool3d.html
 * @example new nn.AvgPool3d(2)
 */
export class AvgPool3d extends Module {
  readonly kernelSize: Size
  readonly options: Readonly<F.AvgPoolOptions>
  constructor(kernelSize: Size, options: F.AvgPoolOptions = {}) {
    super()
    checkSizeOrSizes(new.target.name, 'kernelSize', kernelSize)
    this.kernelSize = kernelSize
    this.options = checkOptions(new.target.name, options, checks.avgPoolChecks)
  }
  override forward(x: Tensor): Tensor {
    return F.avgPool3d(x, this.kernelSize, this.options)
  }
  protected override describe(): string {
    return text(this.kernelSize, this.options)
  }
}

/**
 * Means of windows chosen so that the output has outputSize; null keeps a size.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html
 * @example new nn.AdaptiveAvgPool1d(1)
 */
export class AdaptiveAvgPool1d extends Module {
  readonly outputSize: F.AdaptiveSize
  constructor(outputSize: F.AdaptiveSize) {
    super()
    checks.checkAdaptiveSize(new.target.name, 'outputSize', outputSize)
    this.outputSize = outputSize
  }
  override forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool1d(x, this.outputSize)
  }
  protected override describe(): string {
    return text(this.outputSize)
  }
}

/**
 * Means of windows chosen so that the output has outputSize; null keeps a size.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
 * @example new nn.AdaptiveAvgPool2d(1)
 */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: F.AdaptiveSize
  constructor(outputSize: F.AdaptiveSize) {
    super()
    checks.checkAdaptiveSize(new.target.name, 'outputSize', outputSize)
    this.outputSize = outputSize
  }
  override forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool2d(x, this.outputSize)
  }
  protected override describe(): string {
    return text(this.outputSize)
  }
}

/**
 * Means of windows chosen so that the output has outputSize; null keeps a size.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool3d.html
 * @example new nn.AdaptiveAvgPool3d(1)
 */
export class AdaptiveAvgPool3d extends Module {
  readonly outputSize: F.AdaptiveSize
  constructor(outputSize: F.AdaptiveSize) {
    super()
    checks.checkAdaptiveSize(new.target.name, 'outputSize', outputSize)
    this.outputSize = outputSize
  }
  override forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool3d(x, this.outputSize)
  }
  protected override describe(): string {
    return text(this.outputSize)
  }
}

/**
 * Maxima of windows chosen so that the output has outputSize; null keeps a size.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool1d.html
 * @example new nn.AdaptiveMaxPool1d(4)
 */
export class AdaptiveMaxPool1d<Indices extends boolean = false> extends Module<[x: Tensor], PoolOutput<Indices>> {
  readonly outputSize: F.AdaptiveSize
  readonly returnIndices: boolean
  constructor(outputSize: F.AdaptiveSize, options: AdaptiveMaxPoolOptions<Indices> = {}) {
    super()
    const { returnIndices } = checkOptions(new.target.name, options, checks.indicesChecks)
    checks.checkAdaptiveSize(new.target.name, 'outputSize', outputSize)
    this.outputSize = outputSize
    this.returnIndices = returnIndices ?? false
  }
  override forward(x: Tensor): PoolOutput<Indices> {
    const y = this.returnIndices
      ? F.adaptiveMaxPool1d(x, this.outputSize, { returnIndices: true })
      : F.adaptiveMaxPool1d(x, this.outputSize)
    return y as PoolOutput<Indices>
  }
  protected override describe(): string {
    return text(this.outputSize)
  }
}

/**
 * Maxima of windows chosen so that the output has outputSize; null keeps a size.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html
 * @example new nn.AdaptiveMaxPool2d(4)
 */
export class AdaptiveMaxPool2d<Indices extends boolean = false> extends Module<[x: Tensor], PoolOutput<Indices>> {
  readonly outputSize: F.AdaptiveSize
  readonly returnIndices: boolean
  constructor(outputSize: F.AdaptiveSize, options: AdaptiveMaxPoolOptions<Indices> = {}) {
    super()
    const { returnIndices } = checkOptions(new.target.name, options, checks.indicesChecks)
    checks.checkAdaptiveSize(new.target.name, 'outputSize', outputSize)
    this.outputSize = outputSize
    this.returnIndices = returnIndices ?? false
  }
  override forward(x: Tensor): PoolOutput<Indices> {
    const y = this.returnIndices
      ? F.adaptiveMaxPool2d(x, this.outputSize, { returnIndices: true })
      : F.adaptiveMaxPool2d(x, this.outputSize)
    return y as PoolOutput<Indices>
  }
  protected override describe(): string {
    return text(this.outputSize)
  }
}

/**
 * Maxima of windows chosen so that the output has outputSize; null keeps a size.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool3d.html
 * @example new nn.AdaptiveMaxPool3d(4)
 */
export class AdaptiveMaxPool3d<Indices extends boolean = false> extends Module<[x: Tensor], PoolOutput<Indices>> {
  readonly outputSize: F.AdaptiveSize
  readonly returnIndices: boolean
  constructor(outputSize: F.AdaptiveSize, options: AdaptiveMaxPoolOptions<Indices> = {}) {
    super()
    const { returnIndices } = checkOptions(new.target.name, options, checks.indicesChecks)
    checks.checkAdaptiveSize(new.target.name, 'outputSize', outputSize)
    this.outputSize = outputSize
    this.returnIndices = returnIndices ?? false
  }
  override forward(x: Tensor): PoolOutput<Indices> {
    const y = this.returnIndices
      ? F.adaptiveMaxPool3d(x, this.outputSize, { returnIndices: true })
      : F.adaptiveMaxPool3d(x, this.outputSize)
    return y as PoolOutput<Indices>
  }
  protected override describe(): string {
    return text(this.outputSize)
  }
}

/**
 * The mean of each plane: [N, C, spatial…] → [N, C, 1…]; without `keepdim` [N, C], so a linear layer can follow.
 * @see https://arxiv.org/abs/1312.4400 (Lin, Chen, Yan: Network In Network, section 3.2)
 * @example new nn.Sequential(new nn.Conv2d(3, 64, 3), new nn.GlobalAvgPool({ keepdim: false }), new nn.Linear(64, 10))
 */
export class GlobalAvgPool extends Module {
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
 * The maximum of each plane: [N, C, spatial…] → [N, C, 1…]; without `keepdim` [N, C], so a linear layer can follow.
 * @example new nn.GlobalMaxPool({ keepdim: false })
 */
export class GlobalMaxPool extends Module {
  readonly keepdim: boolean
  constructor(options: F.GlobalPoolOptions = {}) {
    super()
    this.keepdim = checkOptions(new.target.name, options, checks.globalPoolChecks).keepdim ?? true
  }
  override forward(x: Tensor): Tensor {
    return F.globalMaxPool(x, { keepdim: this.keepdim })
  }
}
