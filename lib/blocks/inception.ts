// Inception modules: convolutions of several sizes and a pooling side by side, their outputs concatenated.
import { type Checks, checkOptions, integerFrom } from '../check.js'
import type { Size } from '../functional/arguments.js'
import * as F from '../functional/shape.js'
import { Sequential } from '../nn/containers.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { MaxPool2d } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import { convolution } from './conv.js'
import { type BlockOptions, blockChecks, checkCount, innerOptions, makeActivation, makeNorm } from './options.js'

/** Output channels of the paths with convolutions. */
interface PathWidths {
  channels1x1: number
  channels3x3: number
  channels5x5: number
}

export interface NaiveInceptionOptions extends BlockOptions, PathWidths {}

export interface InceptionOptions extends BlockOptions, PathWidths {
  /** Channels between the 1×1 and the 3×3 convolution. */
  reduce3x3: number
  /** Channels between the 1×1 and the 5×5 convolution. */
  reduce5x5: number
  /** Output channels of the 1×1 convolution behind the pooling. */
  channelsPool: number
  /** Of the second convolution of the 5×5 path. Default 5, as in the paper; torchvision's GoogLeNet has 3. */
  kernel5x5?: number
}

/**
 * A convolution that keeps the size (⌈n / stride⌉), normalisation and activation (ReLU): [N, C, H, W] → [N, outChannels, H', W'].
 * The batch normalisation adds 1e-3 to the variance. Its tensors have the names of torchvision's BasicConv2d. Default: stride 1.
 * @throws ValueError if a size is not a whole number, or the activation is unknown.
 * @see https://docs.pytorch.org/vision/stable/models/googlenet.html
 * @example new blocks.BasicConv2d(64, 192, 3, {})
 */
export class BasicConv2d extends Sequential {
  /** Channels of the output. */
  readonly outChannels: number

  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: BlockOptions, stride: Size = 1) {
    const { norm, activation, ...factory } = innerOptions(options)
    // What has no memory comes first: if it cannot be made, nothing is left to free.
    const act = makeActivation(activation)
    const conv = convolution(inChannels, { outChannels, kernelSize, stride, ...factory }, norm === false)
    const eps = 1e-3
    const bn = norm === true ? new BatchNorm2d(outChannels, { eps, ...factory }) : makeNorm(norm, outChannels, factory)
    super({ conv, bn, act })
    this.outChannels = outChannels
  }
}

const naiveChecks: Checks<NaiveInceptionOptions> = {
  ...blockChecks,
  channels1x1: integerFrom(1),
  channels3x3: integerFrom(1),
  channels5x5: integerFrom(1),
}

const inceptionChecks: Checks<InceptionOptions> = {
  ...naiveChecks,
  reduce3x3: integerFrom(1),
  reduce5x5: integerFrom(1),
  channelsPool: integerFrom(1),
  kernel5x5: integerFrom(1),
}

/**
 * The naive inception module: 1×1, 3×3 and 5×5 convolutions and 3×3 max pooling of stride 1 side by side:
 * [N, C, H, W] → [N, channels1x1 + channels3x3 + channels5x5 + C, H, W]. The pooling adds all input channels to the output, so that
 * modules one after another grow wider and wider, and the large convolutions with them.
 * @throws ValueError if a count is not a positive integer, or the activation is unknown.
 * @see https://arxiv.org/abs/1409.4842 (Szegedy et al.: Going Deeper with Convolutions, figure 2a)
 * @example new blocks.NaiveInception(192, { channels1x1: 64, channels3x3: 128, channels5x5: 32 })
 */
export class NaiveInception extends Module {
  /** The 1×1 convolution. */
  branch1: BasicConv2d
  /** The path of the 3×3 convolution. */
  branch2: BasicConv2d
  /** The path of the 5×5 convolution. */
  branch3: BasicConv2d
  /** The path of the pooling. */
  branch4: MaxPool2d
  /** Channels of the output. */
  readonly outChannels: number

  constructor(inChannels: number, options: NaiveInceptionOptions) {
    super()
    const { channels1x1, channels3x3, channels5x5 } = checkOptions('NaiveInception', options, naiveChecks)
    const counts = { inChannels, channels1x1, channels3x3, channels5x5 }
    for (const [name, count] of Object.entries(counts)) checkCount('NaiveInception', name, count)
    const inner = innerOptions(options)
    this.outChannels = channels1x1 + channels3x3 + channels5x5 + inChannels
    this.branch1 = new BasicConv2d(inChannels, channels1x1, 1, inner)
    this.branch2 = new BasicConv2d(inChannels, channels3x3, 3, inner)
    this.branch3 = new BasicConv2d(inChannels, channels5x5, 5, inner)
    this.branch4 = new MaxPool2d(3, { stride: 1, padding: 1 })
  }

  override forward(x: Tensor): Tensor {
    const branches = [this.branch1, this.branch2, this.branch3, this.branch4]
    return F.cat(
      branches.map((branch) => branch.forward(x)),
      1,
    )
  }
}

/**
 * The inception module: as the naive one, with 1×1 convolutions that make the input narrower before the 3×3 and the 5×5 convolution
 * and the output of the pooling: [N, C, H, W] → [N, channels1x1 + channels3x3 + channels5x5 + channelsPool, H, W]. Its tensors have the
 * names of torchvision's Inception.
 * @throws ValueError if a count is not a positive integer, or the activation is unknown.
 * @see https://arxiv.org/abs/1409.4842 (figure 2b)
 * @example
 * new blocks.Inception(192, {
 *   channels1x1: 64, reduce3x3: 96, channels3x3: 128, reduce5x5: 16, channels5x5: 32, channelsPool: 32,
 * })
 */
export class Inception extends Module {
  /** The 1×1 convolution. */
  branch1: BasicConv2d
  /** The path of the 3×3 convolution. */
  branch2: Sequential
  /** The path of the 5×5 convolution. */
  branch3: Sequential
  /** The path of the pooling. */
  branch4: Sequential
  /** Channels of the output. */
  readonly outChannels: number

  constructor(inChannels: number, options: InceptionOptions) {
    super()
    checkOptions('Inception', options, inceptionChecks)
    const { channels1x1, reduce3x3, channels3x3, reduce5x5, channels5x5, channelsPool, kernel5x5 = 5 } = options
    const counts = { channels1x1, reduce3x3, channels3x3, reduce5x5, channels5x5, channelsPool, kernel5x5 }
    for (const [name, count] of Object.entries({ inChannels, ...counts })) checkCount('Inception', name, count)
    const inner = innerOptions(options)
    this.outChannels = channels1x1 + channels3x3 + channels5x5 + channelsPool
    this.branch1 = new BasicConv2d(inChannels, channels1x1, 1, inner)
    this.branch2 = new Sequential(
      new BasicConv2d(inChannels, reduce3x3, 1, inner),
      new BasicConv2d(reduce3x3, channels3x3, 3, inner),
    )
    this.branch3 = new Sequential(
      new BasicConv2d(inChannels, reduce5x5, 1, inner),
      new BasicConv2d(reduce5x5, channels5x5, kernel5x5, inner),
    )
    this.branch4 = new Sequential(
      new MaxPool2d(3, { stride: 1, padding: 1 }),
      new BasicConv2d(inChannels, channelsPool, 1, inner),
    )
  }

  override forward(x: Tensor): Tensor {
    const branches = [this.branch1, this.branch2, this.branch3, this.branch4]
    return F.cat(
      branches.map((branch) => branch.forward(x)),
      1,
    )
  }
}
