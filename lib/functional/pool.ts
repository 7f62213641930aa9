// Max, average and adaptive pooling, unpooling, and the pools over whole planes.
import type { DType, PreciseType } from '../../types/dtype.js'
import { checkOptions } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { native } from '../native.js'
import { type Tensor, wrap, wrapAll } from '../tensor.js'
import { batched, checkTensor, first, type Size, shapeText, sizes } from './arguments.js'
import {
  avgPoolChecks,
  checkAdaptiveSize,
  globalPoolChecks,
  indicesChecks,
  maxPoolChecks,
  maxUnpoolChecks,
} from './checks.js'

export interface MaxPoolOptions {
  /** Step of the window. Default: kernelSize. */
  stride?: Size
  /** Elements of −∞ on both sides, at most half of the kernel. Default 0. */
  padding?: Size
  /** Distance between the elements of a window. Default 1. */
  dilation?: Size
  /** Keep a last window that is only partly filled. Default false. */
  ceilMode?: boolean
}

/** Also return where the maxima are: int32 positions within each plane. */
export interface WithIndices {
  returnIndices: true
}

export interface WithoutIndices {
  returnIndices?: false
}

export interface MaxUnpoolOptions {
  /** The stride of the pooling. Default: kernelSize. */
  stride?: Size
  /** The padding of the pooling. Default 0. */
  padding?: Size
  /** The size before pooling, where several sizes pool to the same: the spatial sizes, or the whole shape. */
  outputSize?: readonly number[]
}

export interface AvgPoolOptions {
  /** Step of the window. Default: kernelSize. */
  stride?: Size
  /** Zeros on both sides. Default 0. */
  padding?: Size
  /** Keep a last window that is only partly filled. Default false. */
  ceilMode?: boolean
  /** Whether padding counts in the size that a window's sum is divided by. Default true. */
  countIncludePad?: boolean
  /** What to divide by instead of the window's size. */
  divisorOverride?: number
}

/** Sizes of the output; null keeps the input's. */
export type AdaptiveSize = number | readonly (number | null)[]

export interface GlobalPoolOptions {
  /** Keep the spatial dimensions with size 1. Default true. */
  keepdim?: boolean
}

type Pooled = Tensor | PooledWithIndices<DType>

/** The maxima, and where they are. */
export type PooledWithIndices<D extends DType> = [y: Tensor<D>, indices: Tensor<'int32'>]

function maxPool(
  op: string,
  spatial: number,
  x: Tensor,
  kernelSize: Size,
  options: MaxPoolOptions & { returnIndices?: boolean },
): Pooled {
  checkOptions(op, options, maxPoolChecks)
  const kernel = sizes(op, 'kernelSize', kernelSize, spatial)
  const returnIndices = options.returnIndices ?? false
  return batched<Pooled>(op, x, spatial, (input) => {
    const handles = native.ops.maxPool(
      input.handle,
      kernel,
      options.stride === undefined ? kernel : sizes(op, 'stride', options.stride, spatial),
      sizes(op, 'padding', options.padding === undefined ? 0 : options.padding, spatial),
      sizes(op, 'dilation', options.dilation === undefined ? 1 : options.dilation, spatial),
      options.ceilMode ?? false,
      returnIndices,
    )
    return returnIndices ? (wrapAll(handles) as PooledWithIndices<DType>) : first(handles)
  })
}

/**
 * The maximum of each window: x [N, C, L] or [C, L] → [N, C, L'], or `[y, indices]` with `returnIndices`.
 * @throws ShapeError when x has another number of dimensions or a window does not fit; DTypeError for integers and bool; ValueError for sizes that are no positive integers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool1d.html
 * @example const y = functional.maxPool1d(x, 2)
 */
export function maxPool1d<D extends DType>(
  x: Tensor<D>,
  kernelSize: Size,
  options: MaxPoolOptions & WithIndices,
): PooledWithIndices<D>
export function maxPool1d<D extends DType>(
  x: Tensor<D>,
  kernelSize: Size,
  options?: MaxPoolOptions & WithoutIndices,
): Tensor<D>
export function maxPool1d(
  x: Tensor,
  kernelSize: Size,
  options: MaxPoolOptions & { returnIndices?: boolean } = {},
): Pooled {
  return maxPool('maxPool1d', 1, x, kernelSize, options)
}

/**
 * The maximum of each window: x [N, C, H, W] or [C, H, W] → [N, C, H', W'], where
 * H' = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1; `[y, indices]` with `returnIndices`.
 * @throws ShapeError when x has another number of dimensions or a window does not fit; DTypeError for integers and bool; ValueError for sizes that are no positive integers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html
 * @example const y = functional.maxPool2d(x, 3, { stride: 2, padding: 1 })
 */
export function maxPool2d<D extends DType>(
  x: Tensor<D>,
  kernelSize: Size,
  options: MaxPoolOptions & WithIndices,
): PooledWithIndices<D>
export function maxPool2d<D extends DType>(
  x: Tensor<D>,
  kernelSize: Size,
  options?: MaxPoolOptions & WithoutIndices,
): Tensor<D>
export function maxPool2d(
  x: Tensor,
  kernelSize: Size,
  options: MaxPoolOptions & { returnIndices?: boolean } = {},
): Pooled {
  return maxPool('maxPool2d', 2, x, kernelSize, options)
}

/**
 * The maximum of each window: x [N, C, D, H, W] or [C, D, H, W] → [N, C, D', H', W']; `[y, indices]` with `returnIndices`.
 * @throws ShapeError when x has another number of dimensions or a window does not fit; DTypeError for integers and bool; ValueError for sizes that are no positive integers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool3d.html
 * @example const y = functional.maxPool3d(x, 2)
 */
export function maxPool3d<D extends DType>(
  x: Tensor<D>,
  kernelSize: Size,
  options: MaxPoolOptions & WithIndices,
): PooledWithIndices<D>
export function maxPool3d<D extends DType>(
  x: Tensor<D>,
  kernelSize: Size,
  options?: MaxPoolOptions & WithoutIndices,
): Tensor<D>
export function maxPool3d(
  x: Tensor,
  kernelSize: Size,
  options: MaxPoolOptions & { returnIndices?: boolean } = {},
): Pooled {
  return maxPool('maxPool3d', 3, x, kernelSize, options)
}

function maxUnpool<D extends DType>(
  op: string,
  spatial: number,
  x: Tensor<D>,
  indices: Tensor,
  kernelSize: Size,
  options: MaxUnpoolOptions,
): Tensor<D> {
  checkOptions(op, options, maxUnpoolChecks)
  const kernel = sizes(op, 'kernelSize', kernelSize, spatial)
  const stride = options.stride === undefined ? kernel : sizes(op, 'stride', options.stride, spatial)
  const padding = sizes(op, 'padding', options.padding === undefined ? 0 : options.padding, spatial)
  checkTensor(op, 'indices', indices)
  return batched(op, x, spatial, (input) => {
    const usual = input.shape.slice(2).map((size, i) => (size - 1) * stride[i]! - 2 * padding[i]! + kernel[i]!)
    const outputSize = options.outputSize ? options.outputSize.slice(-spatial) : usual
    if (outputSize.length !== spatial || outputSize.some((size, i) => !(Math.abs(size - usual[i]!) < stride[i]!))) {
      throw new ValueError(
        `${op}: outputSize is ${shapeText(outputSize)}, expected less than a stride away from ${shapeText(usual)}`,
      )
    }
    if (indices.rank === input.rank) return wrap(native.ops.maxUnpool(input.handle, indices.handle, outputSize, false))
    return batched(op, indices, spatial, (places) =>
      wrap(native.ops.maxUnpool(input.handle, places.handle, outputSize, false)),
    )
  })
}

/**
 * Undoes maxPool1d: puts x [N, C, L] at `indices` (same shape, int32) of zeros [N, C, L'], L' = (L − 1)·stride −
 * 2·padding + kernel.
 * @throws ShapeError when indices do not fit x; DTypeError when they are not int32; ValueError for an outputSize that does not pool to x.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool1d.html
 * @example const [y, indices] = functional.maxPool1d(x, 2, { returnIndices: true }); functional.maxUnpool1d(y, indices, 2)
 */
export function maxUnpool1d<D extends DType>(
  x: Tensor<D>,
  indices: Tensor,
  kernelSize: Size,
  options: MaxUnpoolOptions = {},
): Tensor<D> {
  return maxUnpool('maxUnpool1d', 1, x, indices, kernelSize, options)
}

/**
 * Undoes maxPool2d: puts x [N, C, H, W] at `indices` (same shape, int32) of zeros [N, C, H', W'].
 * @throws ShapeError when indices do not fit x; DTypeError when they are not int32; ValueError for an outputSize that does not pool to x.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool2d.html
 * @example const [y, indices] = functional.maxPool2d(x, 2, { returnIndices: true }); functional.maxUnpool2d(y, indices, 2)
 */
export function maxUnpool2d<D extends DType>(
  x: Tensor<D>,
  indices: Tensor,
  kernelSize: Size,
  options: MaxUnpoolOptions = {},
): Tensor<D> {
  return maxUnpool('maxUnpool2d', 2, x, indices, kernelSize, options)
}

/**
 * Undoes maxPool3d: puts x [N, C, D, H, W] at `indices` (same shape, int32) of zeros [N, C, D', H', W'].
 * @throws ShapeError when indices do not fit x; DTypeError when they are not int32; ValueError for an outputSize that does not pool to x.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool3d.html
 * @example const [y, indices] = functional.maxPool3d(x, 2, { returnIndices: true }); functional.maxUnpool3d(y, indices, 2)
 */
export function maxUnpool3d<D extends DType>(
  x: Tensor<D>,
  indices: Tensor,
  kernelSize: Size,
  options: MaxUnpoolOptions = {},
): Tensor<D> {
  return maxUnpool('maxUnpool3d', 3, x, indices, kernelSize, options)
}

function avgPool<D extends DType>(
  op: string,
  spatial: number,
  x: Tensor<D>,
  kernelSize: Size,
  options: AvgPoolOptions,
): Tensor<D> {
  checkOptions(op, options, avgPoolChecks)
  const kernel = sizes(op, 'kernelSize', kernelSize, spatial)
  // 0 means "none" to the op, so it is refused here.
  if (options.divisorOverride === 0) throw new ValueError(`${op}: divisorOverride is 0, expected another number`)
  return batched(op, x, spatial, (input) =>
    wrap(
      native.ops.avgPool(
        input.handle,
        kernel,
        options.stride === undefined ? kernel : sizes(op, 'stride', options.stride, spatial),
        sizes(op, 'padding', options.padding === undefined ? 0 : options.padding, spatial),
        options.ceilMode ?? false,
        options.countIncludePad ?? true,
        options.divisorOverride ?? 0,
      ),
    ),
  )
}

/**
 * The mean of each window: x [N, C, L] or [C, L] → [N, C, L'].
 * @throws ShapeError when x has another number of dimensions or a window does not fit; DTypeError for integers and bool; ValueError for sizes that are no positive integers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool1d.html
 * @example const y = functional.avgPool1d(x, 2)
 */
export function avgPool1d<D extends DType>(x: Tensor<D>, kernelSize: Size, options: AvgPoolOptions = {}): Tensor<D> {
  return avgPool('avgPool1d', 1, x, kernelSize, options)
}

/**
 * The mean of each window: x [N, C, H, W] or [C, H, W] → [N, C, H', W'].
 * @throws ShapeError when x has another number of dimensions or a window does not fit; DTypeError for integers and bool; ValueError for sizes that are no positive integers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html
 * @example const y = functional.avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false })
 */
export function avgPool2d<D extends DType>(x: Tensor<D>, kernelSize: Size, options: AvgPoolOptions = {}): Tensor<D> {
  return avgPool('avgPool2d', 2, x, kernelSize, options)
}

/**
 * The mean of each window: x [N, C, D, H, W] or [C, D, H, W] → [N, C, D', H', W'].
 * @throws ShapeError when x has another number of dimensions or a window does not fit; DTypeError for integers and bool; ValueError for sizes that are no positive integers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool3d.html
 * @example const y = functional.avgPool3d(x, 2)
 */
export function avgPool3d<D extends DType>(x: Tensor<D>, kernelSize: Size, options: AvgPoolOptions = {}): Tensor<D> {
  return avgPool('avgPool3d', 3, x, kernelSize, options)
}

/** The sizes asked for, and the kernel (and stride) of the ordinary pool that gives them, if there is one. */
function adaptive(op: string, input: readonly number[], outputSize: AdaptiveSize) {
  checkAdaptiveSize(op, 'outputSize', outputSize)
  const asked = typeof outputSize === 'number' ? [outputSize] : outputSize
  if (asked.length !== input.length && asked.length !== 1) {
    throw new ShapeError(`${op}: outputSize is ${shapeText(asked.map(Number))}, expected one number or ${input.length}`)
  }
  const output = input.map((size, i) => (asked.length === 1 ? asked[0] : asked[i]) ?? size)
  const divides = output.every((size, i) => size > 0 && input[i]! > 0 && input[i]! % size === 0)
  return { output, kernel: divides ? output.map((size, i) => input[i]! / size) : undefined }
}

function adaptiveAvgPool<D extends DType>(op: string, spatial: number, x: Tensor, outputSize: AdaptiveSize): Tensor<D> {
  return batched(op, x, spatial, (input) => {
    const { output, kernel } = adaptive(op, input.shape.slice(2), outputSize)
    if (!kernel) return wrap(native.ops.adaptiveAvgPool(input.handle, output))
    if (output.every((size) => size === 1)) {
      return wrap(native.ops.reduce(input.handle, 'mean', spatialAxes(input), true))
    }
    return wrap(native.ops.avgPool(input.handle, kernel, kernel, constant(spatial, 0), false, true, 0))
  })
}

/**
 * Means of windows chosen so that the output has `outputSize`: x [N, C, L] or [C, L] → [N, C, outputSize].
 * @throws ShapeError when x has another number of dimensions, or outputSize of another; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool1d.html
 * @example const y = functional.adaptiveAvgPool1d(x, 4)
 */
export function adaptiveAvgPool1d<D extends DType>(x: Tensor<D>, outputSize: AdaptiveSize): Tensor<PreciseType<D>> {
  return adaptiveAvgPool('adaptiveAvgPool1d', 1, x, outputSize)
}

/**
 * Means of windows chosen so that the output has `outputSize`: x [N, C, H, W] or [C, H, W] → [N, C, …outputSize]. Window
 * i of a dimension of s elements pooled to o is [⌊i·s/o⌋, ⌈(i + 1)·s/o⌉).
 * @throws ShapeError when x has another number of dimensions, or outputSize of another; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html
 * @example const y = functional.adaptiveAvgPool2d(x, [6, null])
 */
export function adaptiveAvgPool2d<D extends DType>(x: Tensor<D>, outputSize: AdaptiveSize): Tensor<PreciseType<D>> {
  return adaptiveAvgPool('adaptiveAvgPool2d', 2, x, outputSize)
}

/**
 * Means of windows chosen so that the output has `outputSize`: x [N, C, D, H, W] or [C, D, H, W] → [N, C, …outputSize].
 * @throws ShapeError when x has another number of dimensions, or outputSize of another; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool3d.html
 * @example const y = functional.adaptiveAvgPool3d(x, 1)
 */
export function adaptiveAvgPool3d<D extends DType>(x: Tensor<D>, outputSize: AdaptiveSize): Tensor<PreciseType<D>> {
  return adaptiveAvgPool('adaptiveAvgPool3d', 3, x, outputSize)
}

function adaptiveMaxPool(
  op: string,
  spatial: number,
  x: Tensor,
  outputSize: AdaptiveSize,
  options: { returnIndices?: boolean },
): Pooled {
  const { returnIndices = false } = checkOptions(op, options, indicesChecks)
  return batched<Pooled>(op, x, spatial, (input) => {
    const { output, kernel } = adaptive(op, input.shape.slice(2), outputSize)
    const handles = kernel
      ? native.ops.maxPool(
          input.handle,
          kernel,
          kernel,
          constant(spatial, 0),
          constant(spatial, 1),
          false,
          returnIndices,
        )
      : native.ops.adaptiveMaxPool(input.handle, output)
    return returnIndices ? (wrapAll(handles) as PooledWithIndices<DType>) : first(handles)
  })
}

/**
 * Maxima of windows chosen so that the output has `outputSize`: x [N, C, L] or [C, L] → [N, C, outputSize].
 * @throws ShapeError when x has another number of dimensions, or outputSize of another; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool1d.html
 * @example const y = functional.adaptiveMaxPool1d(x, 4)
 */
export function adaptiveMaxPool1d<D extends DType>(
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  options: WithIndices,
): PooledWithIndices<D>
export function adaptiveMaxPool1d<D extends DType>(
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  options?: WithoutIndices,
): Tensor<D>
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: AdaptiveSize,
  options: { returnIndices?: boolean } = {},
): Pooled {
  return adaptiveMaxPool('adaptiveMaxPool1d', 1, x, outputSize, options)
}

/**
 * Maxima of windows chosen so that the output has `outputSize`: x [N, C, H, W] or [C, H, W] → [N, C, …outputSize];
 * `[y, indices]` with `returnIndices`.
 * @throws ShapeError when x has another number of dimensions, or outputSize of another; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool2d.html
 * @example const y = functional.adaptiveMaxPool2d(x, 7)
 */
export function adaptiveMaxPool2d<D extends DType>(
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  options: WithIndices,
): PooledWithIndices<D>
export function adaptiveMaxPool2d<D extends DType>(
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  options?: WithoutIndices,
): Tensor<D>
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: AdaptiveSize,
  options: { returnIndices?: boolean } = {},
): Pooled {
  return adaptiveMaxPool('adaptiveMaxPool2d', 2, x, outputSize, options)
}

/**
 * Maxima of windows chosen so that the output has `outputSize`: x [N, C, D, H, W] or [C, D, H, W] → [N, C, …outputSize].
 * @throws ShapeError when x has another number of dimensions, or outputSize of another; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool3d.html
 * @example const y = functional.adaptiveMaxPool3d(x, 2)
 */
export function adaptiveMaxPool3d<D extends DType>(
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  options: WithIndices,
): PooledWithIndices<D>
export function adaptiveMaxPool3d<D extends DType>(
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  options?: WithoutIndices,
): Tensor<D>
export function adaptiveMaxPool3d(
  x: Tensor,
  outputSize: AdaptiveSize,
  options: { returnIndices?: boolean } = {},
): Pooled {
  return adaptiveMaxPool('adaptiveMaxPool3d', 3, x, outputSize, options)
}

function constant(count: number, value: number): number[] {
  return new Array<number>(count).fill(value)
}

function spatialAxes(x: Tensor): number[] {
  return x.shape.slice(2).map((_, i) => i + 2)
}

function globalPool<D extends DType>(op: string, x: Tensor, by: 'mean' | 'max', keepdim: boolean): Tensor<D> {
  checkTensor(op, 'x', x)
  if (x.rank < 3) throw new ShapeError(`${op}: x is ${shapeText(x.shape)}, expected [N, C, …] with a spatial dimension`)
  return wrap(native.ops.reduce(x.handle, by, spatialAxes(x), keepdim))
}

/**
 * The mean of each plane: x [N, C, spatial…] → [N, C, 1…]; without `keepdim` [N, C].
 * @throws ShapeError when x has no spatial dimension; DTypeError for integers and bool.
 * @see https://arxiv.org/abs/1312.4400 (Lin, Chen, Yan: Network In Network, section 3.2)
 * @example const logits = functional.linear(functional.globalAvgPool(x, { keepdim: false }), weight, bias)
 */
export function globalAvgPool<D extends DType>(x: Tensor<D>, options: GlobalPoolOptions = {}): Tensor<PreciseType<D>> {
  const { keepdim = true } = checkOptions('globalAvgPool', options, globalPoolChecks)
  return globalPool('globalAvgPool', x, 'mean', keepdim)
}

/**
 * The maximum of each plane: x [N, C, spatial…] → [N, C, 1…]; without `keepdim` [N, C]. Ties share the gradient.
 * @throws ShapeError when x has no spatial dimension; DTypeError for integers and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.amax.html
 * @example const strongest = functional.globalMaxPool(x)
 */
export function globalMaxPool<D extends DType>(x: Tensor<D>, options: GlobalPoolOptions = {}): Tensor<D> {
  const { keepdim = true } = checkOptions('globalMaxPool', options, globalPoolChecks)
  return globalPool('globalMaxPool', x, 'max', keepdim)
}
