// Two 3×3 convolutions: alone, the plain network's unit, or added to their input, ResNet's basic block.
import { type Checks, checkOptions, integerFrom } from '../check.js'
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

export interface PlainBlockOptions extends BlockOptions {
  /** Output channels, of both convolutions. */
  outChannels: number
  /** Of the first convolution. Default 1. */
  stride?: number
  /** Of both convolutions. Default 1. */
  dilation?: number
}

const plainChecks: Checks<PlainBlockOptions> = {
  ...blockChecks,
  outChannels: integerFrom(1),
  stride: integerFrom(1),
  dilation: integerFrom(1),
}

/**
 * Two 3×3 convolutions without a shortcut, each with normalisation and activation (ReLU):
 * [N, C, H, W] → [N, outChannels, ⌈H / stride⌉, ⌈W / stride⌉]. Defaults: stride 1, dilation 1. Its tensors have the names of
 * `BasicBlock`, which adds its input.
 * @throws ValueError if a size is not a positive integer, or the activation is unknown.
 * @see https://arxiv.org/abs/1512.03385 (He, Zhang, Ren, Sun: Deep Residual Learning, the plain networks of section 3.3)
 * @example new blocks.PlainBlock(16, { outChannels: 32, stride: 2 })
 */
export class PlainBlock extends Module {
  /** The first 3×3 convolution, with the stride. */
  conv1: Conv2d
  /** Normalisation after conv1. */
  bn1: Layer
  /** Activation after bn1. */
  act1: Layer
  /** The second 3×3 convolution. */
  conv2: Conv2d
  /** Normalisation after conv2. */
  bn2: Layer
  /** The last activation, behind the sum where there is one. */
  act2: Layer
  /** Channels of the output. */
  readonly outChannels: number

  constructor(inChannels: number, options: PlainBlockOptions) {
    super()
    if (new.target === PlainBlock) checkOptions('PlainBlock', options, plainChecks)
    const { norm, activation, ...factory } = innerOptions(options)
    const { outChannels, stride = 1, dilation = 1 } = options
    const counts = { inChannels, outChannels, stride, dilation }
    for (const [name, value] of Object.entries(counts)) checkCount(new.target.name, name, value)
    this.outChannels = outChannels
    // What has no memory comes first: if it cannot be made, nothing is left to free.
    this.act1 = makeActivation(activation)
    this.act2 = makeActivation(activation)
    const bias = norm === false
    this.conv1 = convolution(inChannels, { outChannels, stride, dilation, ...factory }, bias)
    this.bn1 = makeNorm(norm, outChannels, factory)
    this.conv2 = convolution(outChannels, { outChannels, dilation, ...factory }, bias)
    this.bn2 = makeNorm(norm, outChannels, factory)
  }

  /** Everything before the last activation. */
  protected branch(x: Tensor): Tensor {
    const between = this.act1.forward(this.bn1.forward(this.conv1.forward(x)))
    return this.bn2.forward(this.conv2.forward(between))
  }

  override forward(x: Tensor): Tensor {
    return this.act2.forward(this.branch(x))
  }
}

export interface BasicBlockOptions extends PlainBlockOptions, ShortcutOptions {}

const basicBlockChecks: Checks<BasicBlockOptions> = { ...shortcutChecks, ...plainChecks }

/**
 * ResNet's basic block, torchvision's BasicBlock: two 3×3 convolutions added to the input, then the last activation:
 * [N, C, H, W] → [N, outChannels, ⌈H / stride⌉, ⌈W / stride⌉]. `inChannels` are torchvision's inplanes, `outChannels` its planes. The
 * shortcut is `downsample` where it is given; else the input itself, or where stride or channels change a 1×1 convolution with
 * normalisation (with shortcut `'pad'`: zeros for the new channels). Defaults: stride 1, dilation 1. Its tensors have torchvision's
 * names, those of `excite` timm's.
 * @throws ValueError if a size is not a positive integer, or the activation or shortcut is unknown.
 * @see https://arxiv.org/abs/1512.03385 (figures 2 and 5)
 * @see https://docs.pytorch.org/vision/stable/models/resnet.html
 * @example new blocks.BasicBlock(64, { outChannels: 128, stride: 2 })
 */
export class BasicBlock extends PlainBlock {
  /** Output channels for each channel of the 3×3 convolutions, as in torchvision. */
  static readonly expansion = 1
  /** Squeeze and excitation of the branch; null without. */
  seModule: SqueezeExcite | null
  /** The shortcut's layer; null where the input is added as it is. */
  downsample: Layer | null

  constructor(inChannels: number, options: BasicBlockOptions) {
    checkOptions(new.target.name, options, basicBlockChecks)
    checkShortcut(new.target.name, inChannels, options)
    super(inChannels, options)
    this.seModule = makeExcite(options)
    this.downsample = makeShortcut(inChannels, options)
  }

  override forward(x: Tensor): Tensor {
    return this.act2.forward(addShortcut(this, this.branch(x), x))
  }
}
