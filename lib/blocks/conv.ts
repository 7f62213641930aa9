// A convolution with every kind of padding: what the blocks make their convolutions with.
import { type Check, type Checks, checkSizeOrSizes, integerFrom, oneOf } from '../check.js'
import { type Size, sizes } from '../functional/arguments.js'
import * as F from '../functional/shape.js'
import { Conv2d, type ConvModuleOptions } from '../nn/conv.js'
import { type FactoryOptions, factoryChecks } from '../nn/parameter.js'
import type { Tensor } from '../tensor.js'
import { factoryOf } from './options.js'

// Keys of fields that `parameters()` and `children()` do not see, and `clone()` copies.
const ownPad = Symbol('pad')

/** The sizes of a convolution. */
export interface ConvolutionOptions extends FactoryOptions {
  /** Output channels. */
  outChannels: number
  /** Default 3. */
  kernelSize?: Size
  /** Default 1. */
  stride?: Size
  /** `'same'`: ⌈n / stride⌉ elements come out of n, for every kernel and dilation; `'valid'`: 0. Default `'same'`. */
  padding?: Size | 'same' | 'valid'
  /** Default 1. */
  dilation?: Size
  /** Default 1. */
  groups?: number
}

const checkPadding: Check = (op, name, value) => {
  if (typeof value === 'string') oneOf(op, name, value, ['same', 'valid'])
  else checkSizeOrSizes(op, name, value)
}

export const convolutionChecks: Checks<ConvolutionOptions> = {
  ...factoryChecks,
  outChannels: integerFrom(1),
  kernelSize: checkSizeOrSizes,
  stride: checkSizeOrSizes,
  padding: checkPadding,
  dilation: checkSizeOrSizes,
  groups: integerFrom(1),
}

/** Padding on both sides that makes ⌈n / stride⌉ of n; null where it is not the same on both sides. */
export function samePadding(kernel: readonly number[], dilation: readonly number[]): number[] | null {
  const total = kernel.map((size, i) => dilation[i]! * (size - 1))
  return total.every((size) => size % 2 === 0) ? total.map((size) => size / 2) : null
}

/** A strided convolution with an even kernel: `'same'` padding puts one element more at the end. */
class UnevenConv2d extends Conv2d {
  private readonly [ownPad]: readonly number[]

  constructor(inChannels: number, outChannels: number, kernel: readonly number[], options: ConvModuleOptions) {
    super(inChannels, outChannels, kernel, options)
    const dilation = sizes('conv', 'dilation', options.dilation ?? 1, 2)
    const [top, left] = kernel.map((size, i) => Math.floor((dilation[i]! * (size - 1)) / 2)) as [number, number]
    const [height, width] = kernel.map((size, i) => dilation[i]! * (size - 1)) as [number, number]
    this[ownPad] = [left, width - left, top, height - top]
  }

  override forward(x: Tensor): Tensor {
    return super.forward(F.pad(x, this[ownPad]))
  }
}

/** The convolution of such sizes. */
export function convolution(inChannels: number, spec: ConvolutionOptions, bias: boolean): Conv2d {
  const { outChannels, kernelSize = 3, stride = 1, padding = 'same', dilation = 1, groups = 1 } = spec
  const kernel = sizes('conv', 'kernelSize', kernelSize, 2)
  const options = { stride, dilation, groups, bias, ...factoryOf(spec) }
  if (padding !== 'same') return new Conv2d(inChannels, outChannels, kernel, { ...options, padding })
  const even = samePadding(kernel, sizes('conv', 'dilation', dilation, 2))
  if (even) return new Conv2d(inChannels, outChannels, kernel, { ...options, padding: even })
  return new UnevenConv2d(inChannels, outChannels, kernel, options)
}
