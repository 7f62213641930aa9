// Modules that move elements or resize: flatten, padding, upsampling.
import { checkInteger, checkNumber, checkNumbers, checkOptions, checkSizeOrSizes } from '../check.js'
import { interpolateChecks } from '../functional/checks.js'
import { type InterpolateOptions, interpolate } from '../functional/resample.js'
import { flatten, type PadOptions, pad, unflatten } from '../functional/shape.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'
import { namedArguments } from './positional.js'

// Keys of fields that `parameters()` and `children()` do not see, and `clone()` copies.
const ownOptions = Symbol('options')

/**
 * Joins the dimensions from startDim (default 1) to endDim (default −1) in one: by default [N, …] → [N, product of the others].
 * @throws ValueError if one of them is not a whole number; `forward` also if x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html
 * @example new nn.Flatten()
 */
export class Flatten extends Module {
  /** The first dimension that is joined. */
  readonly startDim: number
  /** The last dimension that is joined. */
  readonly endDim: number
  constructor(startDim = 1, endDim = -1) {
    super()
    checkInteger(new.target.name, 'startDim', startDim)
    checkInteger(new.target.name, 'endDim', endDim)
    this.startDim = startDim
    this.endDim = endDim
  }
  override forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim)
  }
}

/**
 * Splits dimension `dim` into unflattenedSize, one of which may be −1: with dim 1 [N, C·H·W] → [N, C, H, W].
 * @throws ValueError if a size is not a number; `forward` ShapeError if the sizes do not multiply to the dimension's.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Unflatten.html
 * @example new nn.Unflatten(1, [16, 5, 5])
 */
export class Unflatten extends Module {
  /** The dimension that is split. */
  readonly dim: number
  /** The sizes it is split into. */
  readonly unflattenedSize: readonly number[]
  constructor(dim: number, unflattenedSize: readonly number[]) {
    super()
    checkInteger(new.target.name, 'dim', dim)
    checkNumbers(new.target.name, 'unflattenedSize', unflattenedSize)
    this.dim = dim
    this.unflattenedSize = unflattenedSize
  }
  override forward(x: Tensor): Tensor {
    return unflatten(x, this.dim, this.unflattenedSize)
  }
  protected override describe(): string {
    return `${this.dim}, [${this.unflattenedSize.join(', ')}]`
  }
}

/** The options of Upsample by name, or in PyTorch's order. */
export type UpsampleArguments =
  | [options: InterpolateOptions]
  | [
      size: InterpolateOptions['size'],
      scaleFactor?: InterpolateOptions['scaleFactor'],
      mode?: InterpolateOptions['mode'],
      alignCorners?: boolean,
    ]

/**
 * Resizes [N, C, spatial…] to the spatial sizes `size`, or by `scaleFactor`. Defaults: mode 'nearest', alignCorners false.
 * @throws ValueError for an unknown option or mode; `forward` also for none or both of size and scaleFactor, ShapeError if the mode
 * is for another number of dimensions.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html
 * @example new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' })
 */
export class Upsample extends Module {
  /** What the constructor was given. */
  readonly options: Readonly<InterpolateOptions>
  constructor(...rest: UpsampleArguments) {
    super()
    const order = ['size', 'scaleFactor', 'mode', 'alignCorners'] as const
    const options = namedArguments<InterpolateOptions>(new.target.name, rest, order)
    this.options = checkOptions(new.target.name, options, interpolateChecks)
  }
  override forward(x: Tensor): Tensor {
    return interpolate(x, this.options)
  }
  protected override describe(): string {
    return JSON.stringify(this.options)
  }
}

/** The same on all four sides, or [left, right, top, bottom]. */
export type Padding2d = number | readonly [left: number, right: number, top: number, bottom: number]

abstract class Pad2d extends Module {
  /** Elements added: on all four sides, or left, right, top, bottom. */
  readonly padding: Padding2d
  private readonly [ownOptions]: PadOptions
  constructor(padding: Padding2d, options: PadOptions) {
    super()
    checkSizeOrSizes(new.target.name, 'padding', padding)
    this.padding = padding
    this[ownOptions] = options
  }
  override forward(x: Tensor): Tensor {
    const { padding } = this
    return pad(x, typeof padding === 'number' ? [padding, padding, padding, padding] : padding, this[ownOptions])
  }
  protected override describe(): string {
    return JSON.stringify(this.padding)
  }
}

/**
 * Adds zeros around the last two dimensions: [N, C, H, W] → [N, C, H + top + bottom, W + left + right].
 * @throws ValueError if padding is not a number or an array of numbers; `forward` ShapeError if it does not fit x.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ZeroPad2d.html
 * @example new nn.ZeroPad2d([1, 1, 0, 0])
 */
export class ZeroPad2d extends Pad2d {
  constructor(padding: Padding2d) {
    super(padding, {})
  }
}

/**
 * Adds a constant around the last two dimensions: [N, C, H, W] → [N, C, H + top + bottom, W + left + right].
 * @throws ValueError if padding is not a number or an array of numbers, or value not a number; `forward` ShapeError if it does not
 * fit x.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConstantPad2d.html
 * @example new nn.ConstantPad2d(2, 0.5)
 */
export class ConstantPad2d extends Pad2d {
  /** The constant. */
  readonly value: number
  constructor(padding: Padding2d, value: number) {
    super(padding, { value })
    checkNumber(new.target.name, 'value', value)
    this.value = value
  }
  protected override describe(): string {
    return `${super.describe()}, ${this.value}`
  }
}

/**
 * Adds the mirrored input around the last two dimensions, without repeating its edge: [N, C, H, W] → [N, C, H + top + bottom, W +
 * left + right].
 * @throws ValueError if padding is not a number or an array of numbers; `forward` ShapeError if it is larger than x allows.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad2d.html
 * @example new nn.ReflectionPad2d(1)
 */
export class ReflectionPad2d extends Pad2d {
  constructor(padding: Padding2d) {
    super(padding, { mode: 'reflect' })
  }
}

/**
 * Repeats the edge of the last two dimensions: [N, C, H, W] → [N, C, H + top + bottom, W + left + right].
 * @throws ValueError if padding is not a number or an array of numbers; `forward` ShapeError if it does not fit x.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad2d.html
 * @example new nn.ReplicationPad2d(1)
 */
export class ReplicationPad2d extends Pad2d {
  constructor(padding: Padding2d) {
    super(padding, { mode: 'replicate' })
  }
}

/**
 * Goes on at the opposite edge of the last two dimensions: [N, C, H, W] → [N, C, H + top + bottom, W + left + right].
 * @throws ValueError if padding is not a number or an array of numbers; `forward` ShapeError if it is larger than x allows.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CircularPad2d.html
 * @example new nn.CircularPad2d(1)
 */
export class CircularPad2d extends Pad2d {
  constructor(padding: Padding2d) {
    super(padding, { mode: 'circular' })
  }
}
