// SE-ResNet-50: ResNet-50 with squeeze and excitation in every block.
import { Bottleneck } from '../blocks/bottleneck.js'
import { factoryOf } from '../blocks/options.js'
import { type Checks, checkOptions, integerFrom } from '../check.js'
import { ReLU } from '../nn/activation.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { Linear } from '../nn/linear.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { GlobalAvgPool, MaxPool2d } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import {
  checkCounts,
  type ResNetDesign,
  type ResNetOptions,
  residualOptions,
  residualStages,
  resnetChecks,
  zeroInit,
} from './resnet.js'
import { initConvolutions } from './support.js'

export interface SEResNetOptions extends ResNetOptions {
  /** By how much the layer between squeeze and excitation is narrower than the channels. Default 16. */
  reduction?: number
}

const seresnetChecks: Checks<SEResNetOptions> = { ...resnetChecks, reduction: integerFrom(1) }

/**
 * SE-ResNet; `seresnet50()` makes it. Its tensors have the names of timm's `legacy_seresnet50`. As in the authors' program the
 * first 1×1 convolutions have the strides, and the max pool pads at the end only. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1709.01507 (Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks)
 * @example const net = new models.SEResNet([3, 4, 6, 3], { numClasses: 10 })
 */
export class SEResNet extends Module {
  /** The 7×7 convolution of stride 2 with normalisation and activation. */
  layer0: Sequential
  /** 3×3 max pooling of stride 2. */
  pool0 = new MaxPool2d(3, { stride: 2, ceilMode: true })
  /** The first stage of blocks. */
  layer1: Sequential
  /** The second stage: half the height and width. */
  layer2: Sequential
  /** The third stage: half the height and width again. */
  layer3: Sequential
  /** The fourth stage: half the height and width again. */
  layer4: Sequential
  /** The mean of each plane: [N, C, H, W] → [N, C]. */
  globalPool = new GlobalAvgPool({ keepdim: false })
  /** Dropout before the last layer. */
  drop: Dropout
  /** The last layer: [N, C] → [N, numClasses]. */
  lastLinear: Linear

  constructor(counts: ResNetDesign['counts'], options: SEResNetOptions = {}) {
    super()
    checkCounts('SEResNet', counts)
    const { reduction = 16 } = checkOptions('SEResNet', options, seresnetChecks)
    const { numClasses, inChannels, baseChannels, dropout, zeroInitResidual, factory } = residualOptions(
      'SEResNet',
      options,
    )
    const design: ResNetDesign = {
      counts,
      expansion: 4,
      block: (row) =>
        new Bottleneck(row.inChannels, {
          outChannels: row.outChannels,
          stride: row.stride,
          strideIn: '1x1',
          excite: { reduction },
          ...factoryOf(row),
        }),
    }
    this.layer0 = new Sequential({
      conv1: new Conv2d(inChannels, baseChannels, 7, { stride: 2, padding: 3, bias: false, ...factory }),
      bn1: new BatchNorm2d(baseChannels, factory),
      relu1: new ReLU(),
    })
    const [layer1, layer2, layer3, layer4] = residualStages(design, baseChannels, factory)
    this.layer1 = layer1
    this.layer2 = layer2
    this.layer3 = layer3
    this.layer4 = layer4
    this.drop = new Dropout(dropout)
    this.lastLinear = new Linear(32 * baseChannels, numClasses, factory)
    initConvolutions(this)
    if (zeroInitResidual) zeroInit(this)
  }

  override forward(x: Tensor): Tensor {
    let y = this.pool0.forward(this.layer0.forward(x))
    for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4]) y = stage.forward(y)
    return this.lastLinear.forward(this.drop.forward(this.globalPool.forward(y)))
  }
}

/**
 * SE-ResNet-50: [N, 3, H, W] → [N, numClasses] for pictures of at least 3×3; 50 layers (and 32 in the squeezes), 28,088,024
 * parameters, 3,860 million multiply-adds at 224×224. Its tensors have the names of timm's `legacy_seresnet50`.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1709.01507 (Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks, table 1)
 * @example const net = models.seresnet50({ numClasses: 10 })
 */
export function seresnet50(options: SEResNetOptions = {}): SEResNet {
  return new SEResNet([3, 4, 6, 3], options)
}
