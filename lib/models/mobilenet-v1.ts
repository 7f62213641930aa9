// MobileNet V1: depthwise separable convolutions all the way.
import { type Activation, factoryOf, makeActivation } from '../blocks/options.js'
import { SeparableConv } from '../blocks/separable.js'
import { checkOptions } from '../check.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { Linear } from '../nn/linear.js'
import { type Layer, Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { GlobalAvgPool } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import { initConvolutions, type ModelOptions, mobilenetChecks, modelCounts, roundedWidth } from './support.js'

export interface MobileNetV1Options extends ModelOptions {
  /** α of the paper: the factor on all widths, which are then rounded to multiples of 8. Default 1. */
  width?: number
  /** Probability with which a feature is left out before the last layer in training. Default 0. */
  dropout?: number
  /** Default `'relu6'`, as in the authors' program (the paper says ReLU). */
  activation?: Activation
}

/** Table 1 of the paper by stages: [output channels, stride of the first, number] of separable convolutions. */
const stages = [
  [64, 1, 1],
  [128, 2, 2],
  [256, 2, 2],
  [512, 2, 6],
  [1024, 2, 2],
] as const

/**
 * MobileNet V1; `mobilenetV1()` makes it. Its tensors have the names of timm's `mobilenetv1_100`. Shapes: [N, inChannels, H,
 * W] → [N, numClasses].
 * @throws ValueError if a count, the width or the dropout is out of range.
 * @see https://arxiv.org/abs/1704.04861 (Howard et al.: MobileNets)
 * @example const net = new models.MobileNetV1({ width: 0.5 })
 */
export class MobileNetV1 extends Module {
  /** The 3×3 convolution of stride 2 before the stages. */
  convStem: Conv2d
  /** Normalisation after it. */
  bn1: BatchNorm2d
  /** Activation after bn1. */
  act1: Layer
  /** The stages of separable convolutions. */
  blocks: Sequential
  /** The mean of each plane: [N, C, H, W] → [N, C]. */
  globalPool = new GlobalAvgPool({ keepdim: false })
  /** Dropout before the last layer. */
  drop: Dropout
  /** The last layer: [N, C] → [N, numClasses]. */
  classifier: Linear

  constructor(options: MobileNetV1Options = {}) {
    super()
    checkOptions('MobileNetV1', options, mobilenetChecks)
    const { width = 1, dropout = 0, activation = 'relu6' } = options
    const { numClasses, inChannels } = modelCounts('MobileNetV1', options)
    const factory = factoryOf(options)
    let channels = roundedWidth(32 * width)
    this.convStem = new Conv2d(inChannels, channels, 3, { stride: 2, padding: 1, bias: false, ...factory })
    this.bn1 = new BatchNorm2d(channels, factory)
    this.act1 = makeActivation(activation)
    this.blocks = new Sequential()
    for (const [outChannels, stride, count] of stages) {
      const stage = new Sequential()
      for (let i = 0; i < count; i++) {
        const out = roundedWidth(outChannels * width)
        stage.append(
          new SeparableConv(channels, { outChannels: out, stride: i === 0 ? stride : 1, activation, ...factory }),
        )
        channels = out
      }
      this.blocks.append(stage)
    }
    this.drop = new Dropout(dropout)
    this.classifier = new Linear(channels, numClasses, factory)
    initConvolutions(this)
  }

  override forward(x: Tensor): Tensor {
    const features = this.blocks.forward(this.act1.forward(this.bn1.forward(this.convStem.forward(x))))
    return this.classifier.forward(this.drop.forward(this.globalPool.forward(features)))
  }
}

/**
 * MobileNet V1: [N, 3, H, W] of any size → [N, numClasses]; 224×224 in the paper, 4,231,976 parameters at width 1.
 * @throws ValueError if a count, the width or a dropout is out of range.
 * @see https://arxiv.org/abs/1704.04861 (Howard et al.: MobileNets)
 * @example const net = models.mobilenetV1({ numClasses: 10, width: 0.5 })
 */
export function mobilenetV1(options: MobileNetV1Options = {}): MobileNetV1 {
  return new MobileNetV1(options)
}
