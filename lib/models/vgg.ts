// VGG: 3×3 convolutions and max pooling, as a table of their widths.
import { factoryOf } from '../blocks/options.js'
import { type Checks, checkBoolean, checkOptions, integerFrom, refuse } from '../check.js'
import { ReLU } from '../nn/activation.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { Linear } from '../nn/linear.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { AdaptiveAvgPool2d, MaxPool2d } from '../nn/pool.js'
import { Flatten } from '../nn/shape.js'
import type { Tensor } from '../tensor.js'
import { checkDropout, initConvolutions, initLinears, type ModelOptions, modelChecks, modelCounts } from './support.js'

export interface VGGOptions extends ModelOptions {
  /** Units of the two hidden fully connected layers. Default 4096. */
  hiddenUnits?: number
  /** Probability with which a hidden unit is left out in training. Default 0.5. */
  dropout?: number
}

const vggChecks: Checks<VGGOptions> = { ...modelChecks, hiddenUnits: integerFrom(1), dropout: checkDropout }

/** Output channels of the five stages, a pooling behind each. */
const widths = [64, 128, 256, 512, 512] as const

/** Table 1 of the paper, columns A, B, D, E: 3×3 convolutions of each stage. */
const tables = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
} as const

/**
 * VGG; `vgg11()` … `vgg19Bn()` make it. Its tensors have torchvision's names. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count or the dropout is out of range, or layers is not 11, 13, 16 or 19.
 * @see https://arxiv.org/abs/1409.1556 (Simonyan, Zisserman: Very Deep Convolutional Networks)
 * @example const net = new models.VGG(16, true, { numClasses: 10 })
 */
export class VGG extends Module {
  /** All layers before the classifier: [N, C, H, W] → maps. */
  features = new Sequential()
  /** Pooling to 7×7. */
  avgpool = new AdaptiveAvgPool2d(7)
  /** [N, C, H, W] → [N, C·H·W]. */
  flatten = new Flatten()
  /** The fully connected layers: [N, features] → [N, numClasses]. */
  classifier: Sequential

  constructor(layers: keyof typeof tables, hasBatchNorm: boolean, options: VGGOptions = {}) {
    super()
    if (!Object.hasOwn(tables, layers)) refuse('VGG', 'layers', layers, `one of ${Object.keys(tables).join(', ')}`)
    checkBoolean('VGG', 'hasBatchNorm', hasBatchNorm)
    const { hiddenUnits = 4096, dropout = 0.5 } = checkOptions('VGG', options, vggChecks)
    const { numClasses, inChannels } = modelCounts('VGG', options)
    const factory = factoryOf(options)
    let channels = inChannels
    for (const [stage, count] of tables[layers].entries()) {
      for (let i = 0; i < count; i++) {
        const outChannels = widths[stage]!
        this.features.append(new Conv2d(channels, outChannels, 3, { padding: 1, ...factory }))
        if (hasBatchNorm) this.features.append(new BatchNorm2d(outChannels, factory))
        this.features.append(new ReLU())
        channels = outChannels
      }
      this.features.append(new MaxPool2d(2))
    }
    this.classifier = new Sequential(
      new Linear(7 * 7 * channels, hiddenUnits, factory),
      new ReLU(),
      new Dropout(dropout),
      new Linear(hiddenUnits, hiddenUnits, factory),
      new ReLU(),
      new Dropout(dropout),
      new Linear(hiddenUnits, numClasses, factory),
    )
    initConvolutions(this)
    initLinears(this)
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.flatten.forward(this.avgpool.forward(this.features.forward(x))))
  }
}

/**
 * VGG-11 (column A): [N, 3, H, W] → [N, numClasses] for pictures of at least 32×32. `nn.summary`: 30 layers, 132,863,336
 * parameters, 7,609,090,048 multiply-adds at 224×224.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.1556 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition)
 * @example const net = models.vgg11({ numClasses: 10 })
 */
export function vgg11(options: VGGOptions = {}): VGG {
  return new VGG(11, false, options)
}

/**
 * VGG-11 (column A) with batch normalisation behind each convolution: [N, 3, H, W] → [N, numClasses] for pictures of at least
 * 32×32. `nn.summary`: 38 layers, 132,868,840 parameters, 7,609,090,048 multiply-adds at 224×224.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.1556 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition)
 * @example const net = models.vgg11Bn({ numClasses: 10 })
 */
export function vgg11Bn(options: VGGOptions = {}): VGG {
  return new VGG(11, true, options)
}

/**
 * VGG-13 (column B): [N, 3, H, W] → [N, numClasses] for pictures of at least 32×32. `nn.summary`: 34 layers, 133,047,848
 * parameters, 11,308,466,176 multiply-adds at 224×224.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.1556 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition)
 * @example const net = models.vgg13({ numClasses: 10 })
 */
export function vgg13(options: VGGOptions = {}): VGG {
  return new VGG(13, false, options)
}

/**
 * VGG-13 (column B) with batch normalisation behind each convolution: [N, 3, H, W] → [N, numClasses] for pictures of at least
 * 32×32. `nn.summary`: 44 layers, 133,053,736 parameters, 11,308,466,176 multiply-adds at 224×224.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.1556 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition)
 * @example const net = models.vgg13Bn({ numClasses: 10 })
 */
export function vgg13Bn(options: VGGOptions = {}): VGG {
  return new VGG(13, true, options)
}

/**
 * VGG-16 (column D): [N, 3, H, W] → [N, numClasses] for pictures of at least 32×32. `nn.summary`: 40 layers, 138,357,544
 * parameters, 15,470,264,320 multiply-adds at 224×224.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.1556 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition)
 * @example const net = models.vgg16({ numClasses: 10 })
 */
export function vgg16(options: VGGOptions = {}): VGG {
  return new VGG(16, false, options)
}

/**
 * VGG-16 (column D) with batch normalisation behind each convolution: [N, 3, H, W] → [N, numClasses] for pictures of at least
 * 32×32. `nn.summary`: 53 layers, 138,365,992 parameters, 15,470,264,320 multiply-adds at 224×224.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.1556 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition)
 * @example const net = models.vgg16Bn({ numClasses: 10 })
 */
export function vgg16Bn(options: VGGOptions = {}): VGG {
  return new VGG(16, true, options)
}

/**
 * VGG-19 (column E): [N, 3, H, W] → [N, numClasses] for pictures of at least 32×32. `nn.summary`: 46 layers, 143,667,240
 * parameters, 19,632,062,464 multiply-adds at 224×224.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.1556 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition)
 * @example const net = models.vgg19({ numClasses: 10 })
 */
export function vgg19(options: VGGOptions = {}): VGG {
  return new VGG(19, false, options)
}

/**
 * VGG-19 (column E) with batch normalisation behind each convolution: [N, 3, H, W] → [N, numClasses] for pictures of at least
 * 32×32. `nn.summary`: 62 layers, 143,678,248 parameters, 19,632,062,464 multiply-adds at 224×224.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.1556 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition)
 * @example const net = models.vgg19Bn({ numClasses: 10 })
 */
export function vgg19Bn(options: VGGOptions = {}): VGG {
  return new VGG(19, true, options)
}
