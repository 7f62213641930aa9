// The inverted residual: narrow at its ends, wide where a depthwise convolution sees it, no activation at the end.
import { type Checks, checkOptions, integerFrom } from '../check.js'
import { Sequential } from '../nn/containers.js'
import { type Layer, Module } from '../nn/module.js'
import type { Tensor } from '../tensor.js'
import { convolution } from './conv.js'
import { ConvNormActivation } from './layer.js'
import { type BlockOptions, blockChecks, checkCount, innerOptions, makeNorm } from './options.js'

export interface InvertedResidualOptions extends BlockOptions {
  /** Output channels. */
  outChannels: number
  /** By how much the block is wider inside than its input; 1 leaves the first convolution out. Default 6. */
  expandRatio?: number
  /** Of the depthwise convolution. Default 3. */
  kernelSize?: number
  /** Of the depthwise convolution. Default 1. */
  stride?: number
}

const invertedChecks: Checks<InvertedResidualOptions> = {
  ...blockChecks,
  outChannels: integerFrom(1),
  expandRatio: integerFrom(1),
  kernelSize: integerFrom(1),
  stride: integerFrom(1),
}

/**
 * Inverted residual: a 1×1 convolution to expandRatio · C channels, a depthwise one, both with normalisation and activation
 * (ReLU6), and a linear 1×1 convolution to `outChannels`: [N, C, H, W] → [N, outChannels, ⌈H / stride⌉, ⌈W / stride⌉]. The input
 * is added where it has the output's shape. Its tensors have the names of torchvision's InvertedResidual.
 * @throws ValueError if a size is not a positive integer, or the activation is unknown.
 * @see https://arxiv.org/abs/1801.04381 (Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2, section 3.3)
 * @example new blocks.InvertedResidual(24, { outChannels: 32, stride: 2 })
 */
export class InvertedResidual extends Module {
  /** The layers of the branch. */
  conv: Sequential
  /** Whether the input is added to the branch. */
  readonly isResidual: boolean
  /** Channels of the output. */
  readonly outChannels: number

  constructor(inChannels: number, options: InvertedResidualOptions) {
    super()
    checkOptions('InvertedResidual', options, invertedChecks)
    const { outChannels, expandRatio = 6, kernelSize = 3, stride = 1 } = options
    const { norm, activation, ...factory } = innerOptions(options, 'relu6')
    const block = 'InvertedResidual'
    const counts = { inChannels, outChannels, expandRatio, kernelSize, stride }
    for (const [name, value] of Object.entries(counts)) checkCount(block, name, value)
    this.isResidual = stride === 1 && inChannels === outChannels
    this.outChannels = outChannels
    const inner = { norm, activation, ...factory }
    const wide = expandRatio * inChannels
    const layers: Layer[] = []
    if (expandRatio > 1) layers.push(new ConvNormActivation(inChannels, { outChannels: wide, kernelSize: 1, ...inner }))
    layers.push(new ConvNormActivation(wide, { outChannels: wide, kernelSize, stride, groups: wide, ...inner }))
    layers.push(convolution(wide, { outChannels, kernelSize: 1, ...factory }, norm === false))
    if (norm !== false) layers.push(makeNorm(norm, outChannels, factory))
    this.conv = new Sequential(...layers)
  }

  override forward(x: Tensor): Tensor {
    const y = this.conv.forward(x)
    return this.isResidual ? y.add(x) : y
  }
}
