// The bottleneck: a 3×3 convolution on few channels between two 1×1 ones, alone or added to its input.
import { among, type Checks, checkOptions, integerFrom } from '../check.js'
import type { Conv2d } from '../nn/conv.js'
import { type Layer, Module } from '../nn/module.js'
import type { Tensor } from '../tensor.js'
import { convolution } from './conv.js'
import { type BlockOptions, blockChecks, checkCount, innerOptions, makeActivation, makeNorm } from './options.js'
import { checkShortcut, makeExcite, makeShortcut, type ShortcutOptions, shortcutChecks } from './shortcut.js'
import type { SqueezeExcite } from './squeeze-excite.js'

export interface BottleneckOptions extends BlockOptions {
  /** Output channels. */
  filters: number
  /** By how much the 3×3 convolution is narrower than the output: ⌊filters / rate⌋, at least 1. Default 4. */
  rate?: number
  /** Channels of the 3×3 convolution, instead of `rate`. */
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

const bottleneckChecks: Checks<BottleneckOptions> = {
  ...blockChecks,
  filters: integerFrom(1),
  rate: integerFrom(1),
  width: integerFrom(1),
  stride: integerFrom(1),
  strideIn: among('3x3', '1x1'),
  dilation: integerFrom(1),
  groups: integerFrom(1),
}

/**
 * Bottleneck without a shortcut: a 1×1 convolution to filters / rate channels, a 3×3 one, a 1×1 one to `filters`, each with
 * normalisation and activation (ReLU): [N, C, H, W] → [N, filters, ⌈H / stride⌉, ⌈W / stride⌉]. The names of its tensors are those
 * of torchvision's Bottleneck; the block that adds its input is `ResidualBlock`.
 * @throws ValueError for sizes that are no whole numbers, groups that don't divide, an unknown activation.
 * @see https://arxiv.org/abs/1512.03385 (He, Zhang, Ren, Sun: Deep Residual Learning, figure 5)
 * @example new blocks.Bottleneck(256, { filters: 256 })
 */
export class Bottleneck extends Module {
  conv1: Conv2d
  bn1: Layer
  act1: Layer
  conv2: Conv2d
  bn2: Layer
  act2: Layer
  conv3: Conv2d
  bn3: Layer
  act3: Layer
  readonly outChannels: number

  constructor(inChannels: number, options: BottleneckOptions) {
    super()
    if (new.target === Bottleneck) checkOptions('Bottleneck', options, bottleneckChecks)
    const { norm, activation, ...factory } = innerOptions(options)
    const { filters, rate = 4, stride = 1, strideIn = '3x3', dilation = 1, groups = 1 } = options
    const block = new.target.name
    const counts = { inChannels, filters, rate, stride, dilation, groups }
    for (const [name, value] of Object.entries(counts)) checkCount(block, name, value)
    const width = options.width ?? Math.max(1, Math.floor(filters / rate))
    checkCount(block, 'width', width)
    const [first, second] = strideIn === '1x1' ? [stride, 1] : [1, stride]
    this.outChannels = filters
    // First what has no memory, then what groups may make impossible: nothing is left behind.
    this.act1 = makeActivation(activation)
    this.act2 = makeActivation(activation)
    this.act3 = makeActivation(activation)
    const bias = norm === false
    this.conv2 = convolution(width, { filters: width, stride: second, dilation, groups, ...factory }, bias)
    this.conv1 = convolution(inChannels, { filters: width, kernelSize: 1, stride: first, ...factory }, bias)
    this.bn1 = makeNorm(norm, width, factory)
    this.bn2 = makeNorm(norm, width, factory)
    this.conv3 = convolution(width, { filters, kernelSize: 1, ...factory }, bias)
    this.bn3 = makeNorm(norm, filters, factory)
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

export interface ResidualOptions extends BottleneckOptions, ShortcutOptions {}

const residualChecks: Checks<ResidualOptions> = { ...shortcutChecks, ...bottleneckChecks }

/**
 * Residual block: a bottleneck added to its input, then the last activation: [N, C, H, W] → [N, filters, ⌈H / stride⌉, ⌈W / stride⌉].
 * Where stride or width change, a 1×1 convolution projects the input. The names of its tensors are those of torchvision's Bottleneck; those of
 * `excite` are timm's.
 * @throws ValueError for sizes that are no whole numbers, groups that don't divide, an unknown activation or shortcut.
 * @see https://arxiv.org/abs/1512.03385 (sections 3.2 and 4.1)
 * @example new blocks.ResidualBlock(256, { filters: 512, stride: 2 })
 */
export class ResidualBlock extends Bottleneck {
  seModule: SqueezeExcite | null
  downsample: Layer | null

  constructor(inChannels: number, options: ResidualOptions) {
    checkOptions(new.target.name, options, residualChecks)
    checkShortcut(new.target.name, inChannels, options)
    super(inChannels, options)
    this.seModule = makeExcite(options)
    this.downsample = makeShortcut(inChannels, options)
  }

  override forward(x: Tensor): Tensor {
    const y = this.branch(x)
    const scaled = this.seModule ? this.seModule.forward(y) : y
    return this.act3.forward(scaled.add(this.downsample ? this.downsample.forward(x) : x))
  }
}
