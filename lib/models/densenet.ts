// DenseNet: dense blocks with transitions between them, as a table of their sizes.
import { DenseBlock, Transition } from '../blocks/dense-block.js'
import { checkCount, factoryOf } from '../blocks/options.js'
import { type Checks, checkNumbers, checkObject, checkOptions, integerFrom, moduleCount } from '../check.js'
import { ReLU } from '../nn/activation.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { kaimingNormal_, zeros_ } from '../nn/init.js'
import { Linear } from '../nn/linear.js'
import { type Layer, Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { GlobalAvgPool, MaxPool2d } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import { checkDropout, type ModelOptions, modelChecks, modelCounts } from './support.js'

export interface DenseNetOptions extends ModelOptions {
  /** Layers of each dense block; any number of blocks, with a transition between two. */
  layers?: readonly number[]
  /** Channels that each layer adds: the paper's k. */
  growthRate?: number
  /** Channels of the first convolution. */
  stemChannels?: number
  /** Channels between the 1×1 and the 3×3 convolution of a layer, in growth rates; 0: no 1×1 convolution. Default 4. */
  bottleneck?: number
  /** Probability with which an output of a layer is left out in training. Default 0. */
  dropout?: number
}

const denseNetChecks: Checks<DenseNetOptions> = {
  ...modelChecks,
  layers: checkNumbers,
  growthRate: integerFrom(1),
  stemChannels: integerFrom(1),
  bottleneck: integerFrom(0),
  dropout: checkDropout,
}

type DenseNetDesign = Required<Pick<DenseNetOptions, 'layers' | 'growthRate' | 'stemChannels'>>

/** Table 1 of the paper, DenseNet-121. */
const densenet121Design: DenseNetDesign = { layers: [6, 12, 24, 16], growthRate: 32, stemChannels: 64 }

/**
 * DenseNet-BC; `densenet121()` makes it. Its tensors have torchvision's names. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1608.06993 (Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks)
 * @example const net: models.DenseNet = models.densenet121({ numClasses: 10 })
 */
export class DenseNet extends Module {
  /** The first convolution, dense blocks and transitions. */
  features: Sequential
  /** The last activation. */
  relu = new ReLU()
  /** The mean of each plane: [N, C, H, W] → [N, C]. */
  avgpool = new GlobalAvgPool({ keepdim: false })
  /** The last layer: [N, C] → [N, numClasses]. */
  classifier: Linear

  constructor(design: DenseNetDesign, options: DenseNetOptions = {}) {
    super()
    checkObject('DenseNet', 'design', design)
    checkOptions('DenseNet', options, denseNetChecks)
    const { layers = design.layers, growthRate = design.growthRate, stemChannels = design.stemChannels } = options
    const { bottleneck = 4, dropout = 0 } = options
    const { numClasses, inChannels } = modelCounts('DenseNet', options)
    checkNumbers('DenseNet', 'layers', layers)
    for (const [i, count] of layers.entries()) moduleCount('DenseNet', `layers[${i}]`, count)
    checkCount('DenseNet', 'growthRate', growthRate)
    checkCount('DenseNet', 'stemChannels', stemChannels)
    const factory = factoryOf(options)
    const features: { [name: string]: Layer } = {
      conv0: new Conv2d(inChannels, stemChannels, 7, { stride: 2, padding: 3, bias: false, ...factory }),
      norm0: new BatchNorm2d(stemChannels, factory),
      relu0: new ReLU(),
      pool0: new MaxPool2d(3, { stride: 2, padding: 1 }),
    }
    let channels = stemChannels
    for (const [i, count] of layers.entries()) {
      if (i > 0) {
        const transition = new Transition(channels, factory)
        features[`transition${i}`] = transition
        channels = transition.outChannels
      }
      const block = new DenseBlock(channels, { layers: count, growthRate, bottleneck, dropout, ...factory })
      features[`denseblock${i + 1}`] = block
      channels = block.outChannels
    }
    features.norm5 = new BatchNorm2d(channels, factory)
    this.features = new Sequential(features)
    this.classifier = new Linear(channels, numClasses, factory)
    for (const module of this.modules()) if (module instanceof Conv2d) kaimingNormal_(module.weight)
    zeros_(this.classifier.bias!)
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.relu.forward(this.features.forward(x))))
  }
}

/**
 * DenseNet-121: [N, 3, H, W] → [N, numClasses] for pictures of at least 29×29. `nn.summary`: 426 layers, 7,978,856 parameters,
 * 2,834,161,664 multiply-adds at 224×224.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1608.06993 (Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks)
 * @see https://docs.pytorch.org/vision/stable/models/densenet.html
 * @example const net = models.densenet121({ numClasses: 10 })
 */
export function densenet121(options: DenseNetOptions = {}): DenseNet {
  return new DenseNet(densenet121Design, options)
}
