// The depthwise separable convolution: each channel by itself, then a 1×1 convolution across channels.
import { type Checks, checkBoolean, checkOptions } from '../check.js'
import type { Size } from '../functional/arguments.js'
import type { Conv2d } from '../nn/conv.js'
import { type Layer, Module } from '../nn/module.js'
import type { Tensor } from '../tensor.js'
import { convolution, convolutionChecks } from './conv.js'
import { type BlockOptions, blockChecks, checkCount, innerOptions, makeActivation, makeNorm } from './options.js'

export interface SeparableOptions extends BlockOptions {
  /** Output channels. */
  outChannels: number
  /** Of the depthwise convolution. Default 3. */
  kernelSize?: Size
  /** Of the depthwise convolution. Default 1. */
  stride?: Size
  /** Of the depthwise convolution; `'same'`: ⌈n / stride⌉ elements come out of n. Default `'same'`. */
  padding?: Size | 'same' | 'valid'
  /** Of the depthwise convolution. Default 1. */
  dilation?: Size
  /** Whether normalisation and activation stand between the two as well, as in MobileNet V1 (not so in Xception). Default true. */
  between?: boolean
}

const { groups: _, ...sizeChecks } = convolutionChecks
const separableChecks: Checks<SeparableOptions> = { ...blockChecks, ...sizeChecks, between: checkBoolean }

/**
 * Depthwise separable convolution: [N, C, H, W] → [N, outChannels, H', W'], by default H' = ⌈H / stride⌉. A k×k convolution of each
 * channel by itself and a 1×1 convolution across channels, each with normalisation and activation (ReLU): k²·C + C·outChannels weights
 * instead of k²·C·outChannels. Its tensors have the names of timm's DepthwiseSeparableConv.
 * @throws ValueError if a size is not a whole number, or the activation or padding is unknown.
 * @see https://arxiv.org/abs/1704.04861 (Howard et al.: MobileNets, section 3.1)
 * @example new blocks.SeparableConv(32, { outChannels: 64, stride: 2 })
 */
export class SeparableConv extends Module {
  /** The convolution of each channel by itself. */
  convDw: Conv2d
  /** Normalisation after it. */
  bn1: Layer
  /** Activation after that. */
  act1: Layer
  /** The 1×1 convolution across channels. */
  convPw: Conv2d
  /** Normalisation after it. */
  bn2: Layer
  /** Activation after that. */
  act2: Layer
  /** Channels of the output. */
  readonly outChannels: number

  constructor(inChannels: number, options: SeparableOptions) {
    super()
    checkOptions('SeparableConv', options, separableChecks)
    const { outChannels, kernelSize, stride, padding, dilation, between = true } = options
    const { norm, activation, ...factory } = innerOptions(options)
    checkCount('SeparableConv', 'inChannels', inChannels)
    checkCount('SeparableConv', 'outChannels', outChannels)
    this.outChannels = outChannels
    // What has no memory comes first: if it cannot be made, nothing is left to free.
    this.act1 = makeActivation(between ? activation : null)
    this.act2 = makeActivation(activation)
    const depthwise = { outChannels: inChannels, kernelSize, stride, padding, dilation, groups: inChannels, ...factory }
    this.convDw = convolution(inChannels, depthwise, between && norm === false)
    this.bn1 = makeNorm(between ? norm : false, inChannels, factory)
    this.convPw = convolution(inChannels, { outChannels, kernelSize: 1, ...factory }, norm === false)
    this.bn2 = makeNorm(norm, outChannels, factory)
  }

  override forward(x: Tensor): Tensor {
    const depthwise = this.act1.forward(this.bn1.forward(this.convDw.forward(x)))
    return this.act2.forward(this.bn2.forward(this.convPw.forward(depthwise)))
  }
}
