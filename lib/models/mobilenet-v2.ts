// MobileNet V2: inverted residuals, as a table of stages.
import { InvertedResidual } from '../blocks/inverted-residual.js'
import { ConvNormActivation } from '../blocks/layer.js'
import { type Activation, factoryOf } from '../blocks/options.js'
import { checkOptions } from '../check.js'
import { Sequential } from '../nn/containers.js'
import { Dropout } from '../nn/dropout.js'
import { normal_, zeros_ } from '../nn/init.js'
import { Linear } from '../nn/linear.js'
import { Module } from '../nn/module.js'
import { GlobalAvgPool } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import { initConvolutions, type ModelOptions, mobilenetChecks, modelCounts, roundedWidth } from './support.js'

export interface MobileNetV2Options extends ModelOptions {
  /** The factor on all widths, which are then rounded to multiples of 8; below 1 the last convolution keeps its 1280. Default 1. */
  width?: number
  /** Probability with which a feature is left out before the last layer in training. Default 0.2, as in torchvision. */
  dropout?: number
  /** Default `'relu6'`. */
  activation?: Activation
}

/** Table 2 of the paper: [expansion, output channels, number of blocks, stride of the first]. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const

/**
 * MobileNet V2; `mobilenetV2()` makes it. Its tensors have the names of torchvision's `mobilenet_v2`. Shapes: [N, inChannels,
 * H, W] → [N, numClasses].
 * @throws ValueError if a count, the width or the dropout is out of range.
 * @see https://arxiv.org/abs/1801.04381 (Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2)
 * @example const net = new models.MobileNetV2({ width: 0.5 })
 */
export class MobileNetV2 extends Module {
  /** The convolutions: [N, C, H, W] → maps of 1/32 of the height and width. */
  features: Sequential
  /** The mean of each plane: [N, C, H, W] → [N, C]. */
  pool = new GlobalAvgPool({ keepdim: false })
  /** Dropout and the last layer: [N, C] → [N, numClasses]. */
  classifier: Sequential

  constructor(options: MobileNetV2Options = {}) {
    super()
    checkOptions('MobileNetV2', options, mobilenetChecks)
    const { width = 1, dropout = 0.2, activation = 'relu6' } = options
    const { numClasses, inChannels } = modelCounts('MobileNetV2', options)
    const inner = { activation, ...factoryOf(options) }
    let channels = roundedWidth(32 * width)
    this.features = new Sequential(new ConvNormActivation(inChannels, { outChannels: channels, stride: 2, ...inner }))
    for (const [expandRatio, outChannels, count, stride] of stages) {
      for (let i = 0; i < count; i++) {
        const out = roundedWidth(outChannels * width)
        const block = new InvertedResidual(channels, {
          outChannels: out,
          expandRatio,
          stride: i === 0 ? stride : 1,
          ...inner,
        })
        this.features.append(block)
        channels = out
      }
    }
    const last = roundedWidth(1280 * Math.max(1, width))
    this.features.append(new ConvNormActivation(channels, { outChannels: last, kernelSize: 1, ...inner }))
    const linear = new Linear(last, numClasses, factoryOf(options))
    this.classifier = new Sequential(new Dropout(dropout), linear)
    initConvolutions(this)
    normal_(linear.weight, 0, 0.01)
    if (linear.bias) zeros_(linear.bias)
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.pool.forward(this.features.forward(x)))
  }
}

/**
 * MobileNet V2: [N, 3, H, W] of any size → [N, numClasses]; 53 layers, 3,504,872 parameters at width 1, 301 million multiply-adds at
 * 224×224. Its tensors have the names of torchvision's `mobilenet_v2`.
 * @throws ValueError if a count, the width or a dropout is out of range.
 * @see https://arxiv.org/abs/1801.04381 (Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2)
 * @example const net = models.mobilenetV2({ numClasses: 10, width: 0.5 })
 */
export function mobilenetV2(options: MobileNetV2Options = {}): MobileNetV2 {
  return new MobileNetV2(options)
}
