// AlexNet in two versions, each a table of convolutions: the one of 2012 for two GPUs, and the later one for a single GPU.
import { factoryOf } from '../blocks/options.js'
import { type Checks, checkList, checkObject, checkOptions, integerFrom } from '../check.js'
import { ReLU } from '../nn/activation.js'
import { Identity, Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { Linear } from '../nn/linear.js'
import { type Layer, Module } from '../nn/module.js'
import { LocalResponseNorm } from '../nn/norm.js'
import { AdaptiveAvgPool2d, MaxPool2d } from '../nn/pool.js'
import { Flatten } from '../nn/shape.js'
import type { Tensor } from '../tensor.js'
import { checkDropout, type ModelOptions, modelChecks, modelCounts } from './support.js'

export interface AlexNetOptions extends ModelOptions {
  /** Units of the two hidden fully connected layers. Default 4096. */
  hiddenUnits?: number
  /** Probability with which a feature is left out beside the hidden fully connected layers in training. Default 0.5. */
  dropout?: number
}

const alexnetChecks: Checks<AlexNetOptions> = { ...modelChecks, hiddenUnits: integerFrom(1), dropout: checkDropout }

interface ConvRow {
  outChannels: number
  kernel: number
  /** Default 1. */
  stride?: number
  /** Default 0. */
  padding?: number
  /** Default 1. */
  groups?: number
  /** Whether local response normalisation follows the ReLU. */
  isNormalised?: boolean
  /** Whether 3×3 max pooling of stride 2 comes last. */
  isPooled?: boolean
}

interface AlexNetDesign {
  rows: readonly ConvRow[]
  /** Whether pictures of other sizes are pooled to 6×6 before the linear layers. */
  isAdaptive: boolean
  /** Whether dropout stands before the hidden layers (torchvision) or behind them (the paper). */
  dropsInputs: boolean
}

/** Section 3.5 of the paper of 2012. The second, fourth and fifth convolution see the maps of their own GPU: two groups. */
const original: AlexNetDesign = {
  rows: [
    { outChannels: 96, kernel: 11, stride: 4, isNormalised: true, isPooled: true },
    { outChannels: 256, kernel: 5, padding: 2, groups: 2, isNormalised: true, isPooled: true },
    { outChannels: 384, kernel: 3, padding: 1 },
    { outChannels: 384, kernel: 3, padding: 1, groups: 2 },
    { outChannels: 256, kernel: 3, padding: 1, groups: 2, isPooled: true },
  ],
  isAdaptive: false,
  dropsInputs: false,
}

/** The version of "One weird trick" (2014), as torchvision has it. */
const single: AlexNetDesign = {
  rows: [
    { outChannels: 64, kernel: 11, stride: 4, padding: 2, isPooled: true },
    { outChannels: 192, kernel: 5, padding: 2, isPooled: true },
    { outChannels: 384, kernel: 3, padding: 1 },
    { outChannels: 256, kernel: 3, padding: 1 },
    { outChannels: 256, kernel: 3, padding: 1, isPooled: true },
  ],
  isAdaptive: true,
  dropsInputs: true,
}

/**
 * AlexNet; `alexnet()` and `alexnet2012()` make it. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1404.5997 (Krizhevsky: One weird trick for parallelizing convolutional neural networks)
 * @example const net: models.AlexNet = models.alexnet({ numClasses: 10 })
 */
export class AlexNet extends Module {
  /** All layers before the classifier: [N, C, H, W] → maps. */
  features = new Sequential()
  /** Pooling to 6×6, where pictures may have other sizes. */
  avgpool: Layer
  /** [N, C, H, W] → [N, C·H·W]. */
  flatten = new Flatten()
  /** The fully connected layers: [N, features] → [N, numClasses]. */
  classifier: Sequential

  constructor(design: AlexNetDesign, options: AlexNetOptions = {}) {
    super()
    checkObject('AlexNet', 'design', design)
    checkList('AlexNet', 'design.rows', design.rows, 'convolutions')
    const { hiddenUnits = 4096, dropout = 0.5 } = checkOptions('AlexNet', options, alexnetChecks)
    const { numClasses, inChannels } = modelCounts('AlexNet', options)
    const factory = factoryOf(options)
    let channels = inChannels
    for (const { outChannels, kernel, isNormalised = false, isPooled = false, ...row } of design.rows) {
      const { stride = 1, padding = 0, groups = 1 } = row
      this.features.append(
        new Conv2d(channels, outChannels, kernel, { stride, padding, groups, ...factory }),
        new ReLU(),
      )
      // The paper sums α·x² over five channels with α = 1e-4; here, as in PyTorch, α is divided by their number.
      if (isNormalised) this.features.append(new LocalResponseNorm(5, { alpha: 5e-4, beta: 0.75, k: 2 }))
      if (isPooled) this.features.append(new MaxPool2d(3, { stride: 2 }))
      channels = outChannels
    }
    this.avgpool = design.isAdaptive ? new AdaptiveAvgPool2d(6) : new Identity()
    const first = new Linear(6 * 6 * channels, hiddenUnits, factory)
    const second = new Linear(hiddenUnits, hiddenUnits, factory)
    const last = new Linear(hiddenUnits, numClasses, factory)
    const drop = () => new Dropout(dropout)
    this.classifier = design.dropsInputs
      ? new Sequential(drop(), first, new ReLU(), drop(), second, new ReLU(), last)
      : new Sequential(first, new ReLU(), drop(), second, new ReLU(), drop(), last)
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.flatten.forward(this.avgpool.forward(this.features.forward(x))))
  }
}

/**
 * AlexNet for one GPU, as torchvision has it: [N, 3, H, W] → [N, numClasses] for pictures of at least 63×63. `nn.summary`: 22
 * layers, 61,100,840 parameters, 714,188,480 multiply-adds at 224×224. Its tensors have torchvision's names.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1404.5997 (Krizhevsky: One weird trick for parallelizing convolutional neural networks)
 * @see https://docs.pytorch.org/vision/stable/models/alexnet.html
 * @example const net = models.alexnet({ numClasses: 10 })
 */
export function alexnet(options: AlexNetOptions = {}): AlexNet {
  return new AlexNet(single, options)
}

/**
 * AlexNet as it won in 2012, with convolutions of two groups (one for each of its two GPUs) and local response normalisation: [N,
 * 3, 227, 227] → [N, numClasses]. `nn.summary`: 24 layers, 60,965,224 parameters, 724,406,816 multiply-adds at 227×227.
 * @throws ValueError if a count or the dropout is out of range; ShapeError that names the layer for pictures of other sizes (up to
 * 258×258 give the same 6×6 maps).
 * @see https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks (Krizhevsky, Sutskever, Hinton)
 * @example const net = models.alexnet2012({ numClasses: 10 })
 */
export function alexnet2012(options: AlexNetOptions = {}): AlexNet {
  return new AlexNet(original, options)
}
