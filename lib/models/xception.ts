// Xception: separable convolutions in residual blocks, as a table of blocks.
import { factoryOf } from '../blocks/options.js'
import { type Checks, checkOptions } from '../check.js'
import { ReLU } from '../nn/activation.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { Linear } from '../nn/linear.js'
import { type Layer, Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import type { FactoryOptions } from '../nn/parameter.js'
import { GlobalAvgPool, MaxPool2d } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import { checkDropout, initConvolutions, type ModelOptions, modelChecks, modelCounts } from './support.js'

// Keys of fields that `parameters()` and `children()` do not see, and `clone()` copies.
const ownBlocks = Symbol('blocks')

export interface XceptionOptions extends ModelOptions {
  /** Probability with which a feature is left out before the last layer in training; 0.5 in the paper. Default 0. */
  dropout?: number
}

const xceptionChecks: Checks<XceptionOptions> = { ...modelChecks, dropout: checkDropout }

interface BlockRow {
  /** Input channels of the block, and the output channels of each separable convolution. */
  channels: readonly [number, ...number[]]
  /** 2: a max pool at the end, a strided projection beside it. */
  stride: 1 | 2
  /** Whether the block opens with ReLU (its input comes without). */
  opensWithRelu: boolean
}

/** Figure 5 of the paper: entry flow, middle flow (eight times the same), exit flow. */
const table: readonly BlockRow[] = [
  { channels: [64, 128, 128], stride: 2, opensWithRelu: false },
  { channels: [128, 256, 256], stride: 2, opensWithRelu: true },
  { channels: [256, 728, 728], stride: 2, opensWithRelu: true },
  ...Array.from({ length: 8 }, (): BlockRow => ({ channels: [728, 728, 728, 728], stride: 1, opensWithRelu: true })),
  { channels: [728, 728, 1024], stride: 2, opensWithRelu: true },
]

/** A 3×3 convolution of each channel and a 1×1 one across channels, nothing between them. */
class SeparableConv2d extends Module {
  conv1: Conv2d
  pointwise: Conv2d

  constructor(inChannels: number, outChannels: number, factory: FactoryOptions) {
    super()
    this.conv1 = new Conv2d(inChannels, inChannels, 3, { padding: 1, groups: inChannels, bias: false, ...factory })
    this.pointwise = new Conv2d(inChannels, outChannels, 1, { bias: false, ...factory })
  }

  override forward(x: Tensor): Tensor {
    return this.pointwise.forward(this.conv1.forward(x))
  }
}

/** ReLU, separable convolution and normalisation some times, added to the input or its projection. */
class XceptionBlock extends Module {
  skip: Conv2d | null
  skipbn: BatchNorm2d | null
  rep: Sequential

  constructor({ channels, stride, opensWithRelu }: BlockRow, factory: FactoryOptions) {
    super()
    const [first] = channels
    const last = channels.at(-1)!
    const isProjected = first !== last || stride !== 1
    this.skip = isProjected ? new Conv2d(first, last, 1, { stride, bias: false, ...factory }) : null
    this.skipbn = isProjected ? new BatchNorm2d(last, factory) : null
    const layers: Layer[] = channels
      .slice(1)
      .flatMap((outChannels, i) => [
        new ReLU(),
        new SeparableConv2d(channels[i]!, outChannels, factory),
        new BatchNorm2d(outChannels, factory),
      ])
    this.rep = new Sequential(...layers.slice(opensWithRelu ? 0 : 1))
    if (stride !== 1) this.rep.append(new MaxPool2d(3, { stride, padding: 1 }))
  }

  override forward(x: Tensor): Tensor {
    const projected = this.skip && this.skipbn ? this.skipbn.forward(this.skip.forward(x)) : x
    return this.rep.forward(x).add(projected)
  }
}

/**
 * Xception; `xception()` makes it. Its tensors have the names of timm's `legacy_xception`. Shapes: [N, inChannels, H, W] → [N,
 * numClasses].
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1610.02357 (Chollet: Xception)
 * @example const net = new models.Xception({ numClasses: 10 })
 */
export class Xception extends Module {
  /** The 3×3 convolution of stride 2. */
  conv1: Conv2d
  /** Normalisation after conv1. */
  bn1: BatchNorm2d
  /** The 3×3 convolution after it. */
  conv2: Conv2d
  /** Normalisation after conv2. */
  bn2: BatchNorm2d
  /** The separable convolution after the blocks. */
  conv3: SeparableConv2d
  /** Normalisation after conv3. */
  bn3: BatchNorm2d
  /** The last separable convolution. */
  conv4: SeparableConv2d
  /** Normalisation after conv4. */
  bn4: BatchNorm2d
  /** The mean of each plane: [N, C, H, W] → [N, C]. */
  globalPool = new GlobalAvgPool({ keepdim: false })
  /** Dropout before the last layer. */
  drop: Dropout
  /** The last layer: [N, C] → [N, numClasses]. */
  fc: Linear
  private readonly [ownBlocks]: readonly XceptionBlock[]

  constructor(options: XceptionOptions = {}) {
    super()
    const { dropout = 0 } = checkOptions('Xception', options, xceptionChecks)
    const { numClasses, inChannels } = modelCounts('Xception', options)
    const factory = factoryOf(options)
    this.conv1 = new Conv2d(inChannels, 32, 3, { stride: 2, bias: false, ...factory })
    this.bn1 = new BatchNorm2d(32, factory)
    this.conv2 = new Conv2d(32, 64, 3, { bias: false, ...factory })
    this.bn2 = new BatchNorm2d(64, factory)
    this[ownBlocks] = table.map((row) => new XceptionBlock(row, factory))
    // block1 … block12
    Object.assign(this, Object.fromEntries(this[ownBlocks].map((block, i) => [`block${i + 1}`, block])))
    this.conv3 = new SeparableConv2d(1024, 1536, factory)
    this.bn3 = new BatchNorm2d(1536, factory)
    this.conv4 = new SeparableConv2d(1536, 2048, factory)
    this.bn4 = new BatchNorm2d(2048, factory)
    this.drop = new Dropout(dropout)
    this.fc = new Linear(2048, numClasses, factory)
    initConvolutions(this)
  }

  override forward(x: Tensor): Tensor {
    let y = this.bn1.forward(this.conv1.forward(x)).relu()
    y = this.bn2.forward(this.conv2.forward(y)).relu()
    for (const block of this[ownBlocks]) y = block.forward(y)
    y = this.bn3.forward(this.conv3.forward(y)).relu()
    y = this.bn4.forward(this.conv4.forward(y)).relu()
    return this.fc.forward(this.drop.forward(this.globalPool.forward(y)))
  }
}

/**
 * Xception: [N, 3, H, W] → [N, numClasses] for pictures of at least 7×7; 299×299 in the paper, 22,855,952 parameters.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1610.02357 (Chollet: Xception)
 * @example const net = models.xception({ numClasses: 10 })
 */
export function xception(options: XceptionOptions = {}): Xception {
  return new Xception(options)
}
