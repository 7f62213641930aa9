// Convolution and transposed convolution of one, two and three spatial dimensions.

import type { PadMode } from '../../types/native.js'
import { among, type Check, type Checks, checkOptions, checkSizeOrSizes, integerFrom } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { native } from '../native.js'
import { namedArguments } from '../positional.js'
import { type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { batched, checkTensor, oneOf, optional, reshaped, type Size, shapeText, sizes } from './arguments.js'
import { add } from './math.js'

/** Values of the padding: zeros, or elements of the input. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular'

export interface ConvOptions {
  /** Step of the kernel. Default 1. */
  stride?: Size
  /**
   * Elements added on both sides of each spatial dimension; `'valid'` is 0; `'same'` keeps the size of the input (stride 1
   * only; an odd total puts the extra element at the end). Default 0.
   */
  padding?: Size | 'same' | 'valid'
  /** Distance between the elements of the kernel. Default 1. */
  dilation?: Size
  /** Number of channel groups that are convolved separately; as many as input channels: depthwise. Default 1. */
  groups?: number
  /** Values of the padding. Default `'zeros'`. */
  paddingMode?: PaddingMode
}

export interface ConvTransposeOptions {
  /** Step of the kernel in the output. Default 1. */
  stride?: Size
  /** Padding of the convolution whose gradient this is; it shrinks the output. Default 0. */
  padding?: Size
  /** Elements added at the end of each output dimension; smaller than `stride` or `dilation`. Default 0. */
  outputPadding?: Size
  /** Number of channel groups. Default 1. */
  groups?: number
  /** Distance between the elements of the kernel. Default 1. */
  dilation?: Size
}

/** Options by name in one object, or one after another as in PyTorch. */
export type ConvArguments =
  | [options?: ConvOptions]
  | [stride: Size | undefined, padding?: Size | 'same' | 'valid', dilation?: Size, groups?: number]

/** Options by name in one object, or one after another as in PyTorch. */
export type ConvTransposeArguments =
  | [options?: ConvTransposeOptions]
  | [stride: Size | undefined, padding?: Size, outputPadding?: Size, groups?: number, dilation?: Size]

const checkPadding: Check = (op, name, value) => {
  if (typeof value === 'string') oneOf(op, name, value, ['same', 'valid'])
  else checkSizeOrSizes(op, name, value)
}

export const convChecks: Checks<ConvOptions> = {
  stride: checkSizeOrSizes,
  padding: checkPadding,
  dilation: checkSizeOrSizes,
  groups: integerFrom(1),
  paddingMode: among('zeros', 'reflect', 'replicate', 'circular'),
}

export const convTransposeChecks: Checks<ConvTransposeOptions> = {
  stride: checkSizeOrSizes,
  padding: checkSizeOrSizes,
  outputPadding: checkSizeOrSizes,
  groups: integerFrom(1),
  dilation: checkSizeOrSizes,
}

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0)
}

/** How much to pad before and after each spatial dimension. */
export function convPadding(
  op: string,
  padding: Size | 'same' | 'valid',
  stride: readonly number[],
  dilation: readonly number[],
  kernel: readonly number[],
): { low: readonly number[]; high: readonly number[] } {
  const rank = kernel.length
  if (typeof padding !== 'string') {
    const low = sizes(op, 'padding', padding, rank)
    return { low, high: low }
  }
  if (oneOf(op, 'padding', padding, ['same', 'valid']) === 'valid') return { low: zeros(rank), high: zeros(rank) }
  if (stride.some((step) => step !== 1)) {
    throw new ValueError(`${op}: padding 'same' needs stride 1, got ${shapeText(stride)}`)
  }
  const total = kernel.map((size, i) => (dilation[i] ?? 1) * (size - 1))
  const low = total.map((size) => Math.floor(size / 2))
  return { low, high: total.map((size, i) => size - low[i]!) }
}

function conv(
  op: string,
  spatial: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  given: ConvArguments,
): Tensor {
  const options = namedArguments<ConvOptions>(op, given, ['stride', 'padding', 'dilation', 'groups'])
  checkOptions(op, options, convChecks)
  const stride = sizes(op, 'stride', options.stride === undefined ? 1 : options.stride, spatial)
  const dilation = sizes(op, 'dilation', options.dilation === undefined ? 1 : options.dilation, spatial)
  const mode = options.paddingMode ?? 'zeros'
  checkTensor(op, 'weight', weight)
  if (weight.rank !== spatial + 2) {
    throw new ShapeError(
      `${op}: weight is ${shapeText(weight.shape)}, expected ${spatial + 2} dimensions [outChannels, inChannels / groups, …kernel]`,
    )
  }
  const { low, high } = convPadding(
    op,
    options.padding === undefined ? 0 : options.padding,
    stride,
    dilation,
    weight.shape.slice(2),
  )
  const run = (input: Tensor, before: readonly number[], after: readonly number[]) =>
    wrap(
      native.ops.conv(
        input.handle,
        weight.handle,
        optional(op, 'bias', bias),
        stride,
        before,
        after,
        dilation,
        options.groups ?? 1,
      ),
    )
  return batched(op, x, spatial, (input) => {
    if (mode === 'zeros') return run(input, low, high)
    return tidy(() => {
      const none = zeros(spatial)
      const padded = wrap(native.ops.pad(input.handle, [0, 0, ...low], [0, 0, ...high], mode satisfies PadMode, 0))
      return run(padded, none, none)
    })
  })
}

/**
 * 1-D convolution (cross-correlation): x [N, C, L] or [C, L], weight [O, C / groups, K], bias [O] → [N, O, L'], where
 * L' = ⌊(L + 2·padding − dilation·(K − 1) − 1) / stride⌋ + 1.
 * @throws ShapeError when shapes don't fit, DTypeError for integers, bool and two types, ValueError for `'same'` with a stride.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html
 * @example const y = functional.conv1d(x, weight, bias, { padding: 1 })
 */
export function conv1d(x: Tensor, weight: Tensor, bias: Tensor | null = null, ...options: ConvArguments): Tensor {
  return conv('conv1d', 1, x, weight, bias, options)
}

/**
 * 2-D convolution (cross-correlation): x [N, C, H, W] or [C, H, W], weight [O, C / groups, kH, kW], bias [O] →
 * [N, O, H', W'], where H' = ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride⌋ + 1.
 * @throws ShapeError when shapes don't fit, DTypeError for integers, bool and two types, ValueError for `'same'` with a stride.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
 * @example const y = functional.conv2d(x, weight, bias, { stride: 2, padding: 1 })
 * @example const z = functional.conv2d(x, weight, bias, 2, 1)
 */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor | null = null, ...options: ConvArguments): Tensor {
  return conv('conv2d', 2, x, weight, bias, options)
}

/**
 * 3-D convolution (cross-correlation): x [N, C, D, H, W] or [C, D, H, W], weight [O, C / groups, kD, kH, kW], bias [O] →
 * [N, O, D', H', W'].
 * @throws ShapeError when shapes don't fit, DTypeError for integers, bool and two types, ValueError for `'same'` with a stride.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv3d.html
 * @example const y = functional.conv3d(x, weight, bias, { padding: [0, 1, 1] })
 */
export function conv3d(x: Tensor, weight: Tensor, bias: Tensor | null = null, ...options: ConvArguments): Tensor {
  return conv('conv3d', 3, x, weight, bias, options)
}

function convTranspose(
  op: string,
  spatial: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  given: ConvTransposeArguments,
): Tensor {
  const names = ['stride', 'padding', 'outputPadding', 'groups', 'dilation'] as const
  const options = namedArguments<ConvTransposeOptions>(op, given, names)
  checkOptions(op, options, convTransposeChecks)
  const stride = sizes(op, 'stride', options.stride === undefined ? 1 : options.stride, spatial)
  const padding = sizes(op, 'padding', options.padding === undefined ? 0 : options.padding, spatial)
  const outputPadding = sizes(
    op,
    'outputPadding',
    options.outputPadding === undefined ? 0 : options.outputPadding,
    spatial,
  )
  const dilation = sizes(op, 'dilation', options.dilation === undefined ? 1 : options.dilation, spatial)
  checkTensor(op, 'weight', weight)
  if (weight.rank !== spatial + 2) {
    throw new ShapeError(
      `${op}: weight is ${shapeText(weight.shape)}, expected ${spatial + 2} dimensions [inChannels, outChannels / groups, …kernel]`,
    )
  }
  if (
    outputPadding.length !== spatial ||
    outputPadding.some((extra, i) => !(extra >= 0 && extra < Math.max(stride[i]!, dilation[i]!)))
  ) {
    throw new ValueError(
      `${op}: outputPadding is ${shapeText(outputPadding)}, expected at least 0 and less than stride ${shapeText(stride)} or dilation ${shapeText(dilation)}`,
    )
  }
  return batched(op, x, spatial, (input) => {
    const inputSize = input.shape
      .slice(2)
      .map(
        (size, i) =>
          (size - 1) * stride[i]! - 2 * padding[i]! + dilation[i]! * (weight.shape[i + 2]! - 1) + outputPadding[i]! + 1,
      )
    // No window of the forward convolution reaches the last `outputPadding` elements. If outputPadding is at least the stride, less is
    // cut off at the end instead, and what lies beyond the last window holds the bias alone.
    const isLong = outputPadding.map((extra, i) => extra >= stride[i]!)
    const paddingEnd = padding.map((size, i) => (isLong[i] ? Math.max(0, size - outputPadding[i]!) : size))
    const beyond = padding.map((size, i) => (isLong[i] ? Math.max(0, outputPadding[i]! - size) : 0))
    const run = (biasHandle: number) =>
      wrap(
        native.ops.convBackwardData(
          input.handle,
          weight.handle,
          biasHandle,
          stride,
          padding,
          paddingEnd,
          dilation,
          options.groups ?? 1,
          inputSize.map((size, i) => size - beyond[i]!),
        ),
      )
    if (beyond.every((size) => size === 0)) return run(optional(op, 'bias', bias))
    return tidy(() => {
      const none = zeros(spatial + 2)
      const y = wrap(native.ops.pad(run(0).handle, none, [0, 0, ...beyond], 'constant', 0))
      return bias ? add(y, reshaped(bias, [bias.size, ...zeros(spatial).map(() => 1)])) : y
    })
  })
}

/**
 * 1-D transposed convolution, the gradient of a convolution for its input: x [N, C, L] or [C, L], weight
 * [C, O / groups, K], bias [O] → [N, O, L'], where L' = (L − 1)·stride − 2·padding + dilation·(K − 1) + outputPadding + 1.
 * @throws ShapeError when shapes don't fit, DTypeError for integers, bool and two types, ValueError when outputPadding is too large.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose1d.html
 * @example const y = functional.convTranspose1d(x, weight, bias, { stride: 2 })
 */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  ...options: ConvTransposeArguments
): Tensor {
  return convTranspose('convTranspose1d', 1, x, weight, bias, options)
}

/**
 * 2-D transposed convolution: x [N, C, H, W] or [C, H, W], weight [C, O / groups, kH, kW], bias [O] → [N, O, H', W'], where
 * H' = (H − 1)·stride − 2·padding + dilation·(kH − 1) + outputPadding + 1.
 * @throws ShapeError when shapes don't fit, DTypeError for integers, bool and two types, ValueError when outputPadding is too large.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html
 * @example const y = functional.convTranspose2d(x, weight, bias, { stride: 2, padding: 1, outputPadding: 1 })
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  ...options: ConvTransposeArguments
): Tensor {
  return convTranspose('convTranspose2d', 2, x, weight, bias, options)
}

/**
 * 3-D transposed convolution: x [N, C, D, H, W] or [C, D, H, W], weight [C, O / groups, kD, kH, kW], bias [O] →
 * [N, O, D', H', W'].
 * @throws ShapeError when shapes don't fit, DTypeError for integers, bool and two types, ValueError when outputPadding is too large.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose3d.html
 * @example const y = functional.convTranspose3d(x, weight, bias, { stride: 2 })
 */
export function convTranspose3d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  ...options: ConvTransposeArguments
): Tensor {
  return convTranspose('convTranspose3d', 3, x, weight, bias, options)
}
