// Two 3×3 convolutions, alone (the plain network's unit) or added to their input.
import { type Checks, checkOptions, integerFrom } from '../check.js'
import type { Conv2d } from '../nn/conv.js'
import { type Layer, Module } from '../nn/module.js'
import type { Tensor } from '../tensor.js'
import { convolution } from './conv.js'
import { type BlockOptions, blockChecks, checkCount, innerOptions, makeActivation, makeNorm } from './options.js'
import { checkShortcut, makeExcite, makeShortcut, type ShortcutOptions, shortcutChecks } from './shortcut.js'
import type { SqueezeExcite } from './squeeze-excite.js'

export interface BasicOptions extends BlockOptions {
  /** Output channels, of both convolutions. */
  filters: number
  /** Of the first convolution. Default 1. */
  stride?: number
  /** Of both convolutions. Default 1. */
  dilation?: number
}

const basicChecks: Checks<BasicOptions> = {
  ...blockChecks,
  filters: integerFrom(1),
  stride: integerFrom(1),
  dilation: integerFrom(1),
}

/**
 * Two 3×3 convolutions, each with normalisation and activation (ReLU): [N, C, H, W] → [N, filters, ⌈H / stride⌉, ⌈W / stride⌉].
 * The names of its tensors are those of torchvision's BasicBlock; the block that adds its input is `BasicResidualBlock`.
 * @throws ValueError for sizes that are no whole numbers, an unknown activation.
 * @see https://arxiv.org/abs/1512.03385 (He, Zhang, Ren, Sun: Deep Residual Learning, the plain networks of section 3.3)
 * @example new blocks.BasicBlock(16, { filters: 32, stride: 2 })
 */
export class BasicBlock extends Module {
  conv1: Conv2d
  bn1: Layer
  act1: Layer
  conv2: Conv2d
  bn2: Layer
  act2: Layer
  readonly outChannels: number

  constructor(inChannels: number, options: BasicOptions) {
    super()
    if (new.target === BasicBlock) checkOptions('BasicBlock', options, basicChecks)
    const { norm, activation, ...factory } = innerOptions(options)
    const { filters, stride = 1, dilation = 1 } = options
    const counts = { inChannels, filters, stride, dilation }
    for (const [name, value] of Object.entries(counts)) checkCount(new.target.name, name, value)
    this.outChannels = filters
    // First what has no memory: where it cannot be made, nothing is left behind.
    this.act1 = makeActivation(activation)
    this.act2 = makeActivation(activation)
    const bias = norm === false
    this.conv1 = convolution(inChannels, { filters, stride, dilation, ...factory }, bias)
    this.bn1 = makeNorm(norm, filters, factory)
    this.conv2 = convolution(filters, { filters, dilation, ...factory }, bias)
    this.bn2 = makeNorm(norm, filters, factory)
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

export interface BasicResidualOptions extends BasicOptions, ShortcutOptions {}

const basicResidualChecks: Checks<BasicResidualOptions> = { ...shortcutChecks, ...basicChecks }

/**
 * Basic residual block: two 3×3 convolutions added to their input, then the last activation:
 * [N, C, H, W] → [N, filters, ⌈H / stride⌉, ⌈W / stride⌉]. Where stride or width change, a 1×1 convolution projects the input, or
 * with shortcut `'pad'` zeros fill the new channels. The names of its tensors are those of torchvision's BasicBlock; those of
 * `excite` are timm's.
 * @throws ValueError for sizes that are no whole numbers, an unknown activation or shortcut.
 * @see https://arxiv.org/abs/1512.03385 (figures 2 and 5)
 * @example new blocks.BasicResidualBlock(64, { filters: 128, stride: 2 })
 */
export class BasicResidualBlock extends BasicBlock {
  seModule: SqueezeExcite | null
  downsample: Layer | null

  constructor(inChannels: number, options: BasicResidualOptions) {
    checkOptions(new.target.name, options, basicResidualChecks)
    checkShortcut(new.target.name, inChannels, options)
    super(inChannels, options)
    this.seModule = makeExcite(options)
    this.downsample = makeShortcut(inChannels, options)
  }

  override forward(x: Tensor): Tensor {
    const y = this.branch(x)
    const scaled = this.seModule ? this.seModule.forward(y) : y
    return this.act2.forward(scaled.add(this.downsample ? this.downsample.forward(x) : x))
  }
}
