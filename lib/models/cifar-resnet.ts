// The plain and residual networks of 6n + 2 layers for pictures of 32×32.
import { BasicBlock, PlainBlock } from '../blocks/basic.js'
import { factoryOf } from '../blocks/options.js'
import type { Shortcut } from '../blocks/shortcut.js'
import { among, type Checks, checkBoolean, checkOptions, integerFrom, numberThat } from '../check.js'
import { ReLU } from '../nn/activation.js'
import type { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Linear } from '../nn/linear.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { GlobalAvgPool } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import { type ResidualRow, residualStage } from './resnet.js'
import { initConvolutions, type ModelOptions, modelChecks, modelCounts } from './support.js'

export interface CifarResNetOptions extends ModelOptions {
  /** Outputs of the last layer. Default 10, CIFAR-10's. */
  numClasses?: number
  /** Layers with weights, 6n + 2: 20, 32, 44, 56 and 110 in the paper. Default 20. */
  depth?: number
  /** Whether each pair of convolutions is added to its input; false makes the plain network. Default true. */
  residual?: boolean
  /**
   * Of the two pairs that change stride and width: zeros for new channels (the paper's option A), or a projection (B). Default
   * `'pad'`.
   */
  shortcut?: Shortcut
  /** Channels of the first convolution and stage; the others have two and four times as many. Default 16. */
  baseChannels?: number
}

const cifarResNetChecks: Checks<CifarResNetOptions> = {
  ...modelChecks,
  depth: numberThat('6n + 2: 8, 14, 20, … up to 6002', (depth) => depth >= 8 && depth <= 6002 && depth % 6 === 2),
  residual: checkBoolean,
  shortcut: among('projection', 'pad'),
  baseChannels: integerFrom(1),
}

/**
 * A residual or plain network for small pictures; `cifarResNet()` makes it. Its tensors are named as in torchvision's ResNet. Shapes:
 * [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if depth is not 6n + 2, a count is out of range, or the shortcut is unknown.
 * @see https://arxiv.org/abs/1512.03385 (He, Zhang, Ren, Sun: Deep Residual Learning, section 4.2)
 * @example const net = new models.CifarResNet({ depth: 32 })
 */
export class CifarResNet extends Module {
  /** The 3×3 convolution before the stages. */
  conv1: Conv2d
  /** Normalisation after conv1. */
  bn1: BatchNorm2d
  /** The activation. */
  relu = new ReLU()
  /** The first stage of blocks. */
  layer1: Sequential
  /** The second stage: half the height and width. */
  layer2: Sequential
  /** The third stage: half the height and width again. */
  layer3: Sequential
  /** The mean of each plane: [N, C, H, W] → [N, C]. */
  avgpool = new GlobalAvgPool({ keepdim: false })
  /** The last layer: [N, C] → [N, numClasses]. */
  fc: Linear

  constructor(options: CifarResNetOptions = {}) {
    super()
    checkOptions('CifarResNet', options, cifarResNetChecks)
    const { depth = 20, residual = true, shortcut = 'pad', baseChannels = 16, numClasses = 10 } = options
    const { inChannels } = modelCounts('CifarResNet', { ...options, numClasses })
    const count = (depth - 2) / 6
    const factory = factoryOf(options)
    const block = ({ inChannels: from, outChannels: width, stride }: ResidualRow) =>
      residual
        ? new BasicBlock(from, { outChannels: width, stride, shortcut, ...factory })
        : new PlainBlock(from, { outChannels: width, stride, ...factory })
    const stage = (from: number, width: number, stride: number) =>
      residualStage({ inChannels: from, outChannels: width, stride, stage: 0 }, count, block)
    this.conv1 = new Conv2d(inChannels, baseChannels, 3, { padding: 1, bias: false, ...factory })
    this.bn1 = new BatchNorm2d(baseChannels, factory)
    this.layer1 = stage(baseChannels, baseChannels, 1)
    this.layer2 = stage(baseChannels, 2 * baseChannels, 2)
    this.layer3 = stage(2 * baseChannels, 4 * baseChannels, 2)
    this.fc = new Linear(4 * baseChannels, numClasses, factory)
    initConvolutions(this)
  }

  override forward(x: Tensor): Tensor {
    let y = this.relu.forward(this.bn1.forward(this.conv1.forward(x)))
    for (const stage of [this.layer1, this.layer2, this.layer3]) y = stage.forward(y)
    return this.fc.forward(this.avgpool.forward(y))
  }
}

/**
 * The residual network of 6n + 2 layers for CIFAR-10, or its plain twin: [N, 3, H, W] of any size → [N, numClasses]; 32×32 in the
 * paper. Parameters and multiply-adds at 32×32, plain or with shortcut `'pad'`: 269,722 and 40.6 million with 20
 * layers, 853,018 and 125 million with 56; `'projection'` has 2,752 parameters and 0.26 million multiply-adds more.
 * @throws ValueError if depth is not 6n + 2, a count is out of range, or the shortcut is unknown.
 * @see https://arxiv.org/abs/1512.03385 (He, Zhang, Ren, Sun: Deep Residual Learning, section 4.2)
 * @example const [plain, deep] = [false, true].map((residual) => models.cifarResNet({ depth: 56, residual }))
 */
export function cifarResNet(options: CifarResNetOptions = {}): CifarResNet {
  return new CifarResNet(options)
}
