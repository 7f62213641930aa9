// The bottleneck: a 3×3 convolution on few channels between two 1×1 ones, alone or added to its input.
import { among, type Checks, checkOptions, integerFrom } from '../check.js'
import type { Conv2d } from '../nn/conv.js'
import { type Layer, Module } from '../nn/module.js'
import type { Tensor } from '../tensor.js'
import { convolution } from './conv.js'
import { type BlockOptions, blockChecks, checkCount, innerOptions, makeActivation, makeNorm } from './options.js'
import {
  addShortcut,
  checkShortcut,
  makeExcite,
  makeShortcut,
  type ShortcutOptions,
  shortcutChecks,
} from './shortcut.js'
import type { SqueezeExcite } from './squeeze-excite.js'

export interface PlainBottleneckOptions extends BlockOptions {
  /** Output channels. */
  outChannels: number
  /** By how much the 3×3 convolution is narrower than the output: ⌊outChannels / reduction⌋, at least 1. Default 4. */
  reduction?: number
  /** Channels of the 3×3 convolution, instead of `reduction`. */
  width?: number
  /** Default 1. */
  stride?: number
  /** Which convolution has the stride: the 3×3 one as in torchvision, or the first as in the paper. Default `'3x3'`. */
  strideIn?: '3x3' | '1x1'
  /** Of the 3×3 convolution. Default 1. */
  dilation?: number
  /** Of the 3×3 convolution. Default 1. */
  groups?: number
}

const plainChecks: Checks<PlainBottleneckOptions> = {
  ...blockChecks,
  outChannels: integerFrom(1),
  reduction: integerFrom(1),
  width: integerFrom(1),
  stride: integerFrom(1),
  strideIn: among('3x3', '1x1'),
  dilation: integerFrom(1),
  groups: integerFrom(1),
}

/**
 * A bottleneck without a shortcut: a 1×1 convolution to outChannels / reduction channels, a 3×3 one, a 1×1 one to outChannels, each
 * with normalisation and activation (ReLU): [N, C, H, W] → [N, outChannels, ⌈H / stride⌉, ⌈W / stride⌉]. Defaults: reduction 4,
 * stride 1, dilation 1, groups 1. Its tensors have the names of `Bottleneck`, which adds its input.
 * @throws ValueError if a size is not a positive integer, groups do not divide the width, or the activation is unknown.
 * @see https://arxiv.org/abs/1512.03385 (He, Zhang, Ren, Sun: Deep Residual Learning, figure 5)
 * @example new blocks.PlainBottleneck(256, { outChannels: 256 })
 */
export class PlainBottleneck extends Module {
  /** The 1×1 convolution to the width of the 3×3 one. */
  conv1: Conv2d
  /** Normalisation after conv1. */
  bn1: Layer
  /** Activation after bn1. */
  act1: Layer
  /** The 3×3 convolution. */
  conv2: Conv2d
  /** Normalisation after conv2. */
  bn2: Layer
  /** Activation after bn2. */
  act2: Layer
  /** The 1×1 convolution to outChannels. */
  conv3: Conv2d
  /** Normalisation after conv3. */
  bn3: Layer
  /** The last activation, behind the sum where there is one. */
  act3: Layer
  /** Channels of the output. */
  readonly outChannels: number

  constructor(inChannels: number, options: PlainBottleneckOptions) {
    super()
    if (new.target === PlainBottleneck) checkOptions('PlainBottleneck', options, plainChecks)
    const { norm, activation, ...factory } = innerOptions(options)
    const { outChannels, reduction = 4, stride = 1, strideIn = '3x3', dilation = 1, groups = 1 } = options
    const block = new.target.name
    const counts = { inChannels, outChannels, reduction, stride, dilation, groups }
    for (const [name, value] of Object.entries(counts)) checkCount(block, name, value)
    const width = options.width ?? Math.max(1, Math.floor(outChannels / reduction))
    checkCount(block, 'width', width)
    const [first, second] = strideIn === '1x1' ? [stride, 1] : [1, stride]
    this.outChannels = outChannels
    // What has no memory comes first, then the convolution that groups may make impossible: nothing is left to free.
    this.act1 = makeActivation(activation)
    this.act2 = makeActivation(activation)
    this.act3 = makeActivation(activation)
    const bias = norm === false
    this.conv2 = convolution(width, { outChannels: width, stride: second, dilation, groups, ...factory }, bias)
    this.conv1 = convolution(inChannels, { outChannels: width, kernelSize: 1, stride: first, ...factory }, bias)
    this.bn1 = makeNorm(norm, width, factory)
    this.bn2 = makeNorm(norm, width, factory)
    this.conv3 = convolution(width, { outChannels, kernelSize: 1, ...factory }, bias)
    this.bn3 = makeNorm(norm, outChannels, factory)
  }

  /** Everything before the last activation. */
  protected branch(x: Tensor): Tensor {
    const narrow = this.act1.forward(this.bn1.forward(this.conv1.forward(x)))
    const seen = this.act2.forward(this.bn2.forward(this.conv2.forward(narrow)))
    return this.bn3.forward(this.conv3.forward(seen))
  }

  override forward(x: Tensor): Tensor {
    return this.act3.forward(this.branch(x))
  }
}

export interface BottleneckOptions extends PlainBottleneckOptions, ShortcutOptions {}

const bottleneckChecks: Checks<BottleneckOptions> = { ...shortcutChecks, ...plainChecks }

/**
 * ResNet's bottleneck, torchvision's Bottleneck: 1×1, 3×3 and 1×1 convolutions added to the input, then the last activation: [N,
 * C, H, W] → [N, outChannels, ⌈H / stride⌉, ⌈W / stride⌉]. `inChannels` are torchvision's inplanes; its planes are the channels
 * of the 3×3 convolution, a quarter of `outChannels` unless `reduction` or `width` says otherwise. The shortcut is `downsample`
 * where it is given; else the input itself, or where stride or channels change a 1×1 convolution with normalisation. Defaults:
 * stride 1, dilation 1, groups 1. Its tensors have torchvision's names, those of `excite` timm's.
 * @throws ValueError if a size is not a positive integer, groups do not divide the width, or the activation or shortcut is unknown.
 * @see https://arxiv.org/abs/1512.03385 (sections 3.2 and 4.1)
 * @see https://docs.pytorch.org/vision/stable/models/resnet.html
 * @example new blocks.Bottleneck(256, { outChannels: 512, stride: 2 })
 */
export class Bottleneck extends PlainBottleneck {
  /** Output channels for each channel of the 3×3 convolution, as in torchvision; `reduction` and `width` override it. */
  static readonly expansion = 4
  /** Squeeze and excitation of the branch; null without. */
  seModule: SqueezeExcite | null
  /** The shortcut's layer; null where the input is added as it is. */
  downsample: Layer | null

  constructor(inChannels: number, options: BottleneckOptions) {
    checkOptions(new.target.name, options, bottleneckChecks)
    checkShortcut(new.target.name, inChannels, options)
    super(inChannels, options)
    this.seModule = makeExcite(options)
    this.downsample = makeShortcut(inChannels, options)
  }

  override forward(x: Tensor): Tensor {
    return this.act3.forward(addShortcut(this, this.branch(x), x))
  }
}
