// Dense blocks: every convolution sees the block's input and all that the convolutions before it put out.
import { type Checks, checkOptions, integerFrom, moduleCount, numberThat } from '../check.js'
import * as F from '../functional/shape.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { type Layer, Module } from '../nn/module.js'
import { AvgPool2d } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import { type BlockOptions, blockChecks, checkCount, innerOptions, makeActivation, makeNorm } from './options.js'

// Keys of fields that `parameters()` and `children()` do not see, and `clone()` copies.
const ownLayers = Symbol('layers')

export interface DenseLayerOptions extends BlockOptions {
  /** Output channels: the paper's k. Default 32. */
  growthRate?: number
  /**
   * A 1×1 convolution to so many times the growth rate stands before the 3×3 one; 0: none stands there. The paper's B is 4.
   * Default 0.
   */
  bottleneck?: number
  /** Probability with which an output is left out in training. Default 0. */
  dropout?: number
}

export interface DenseBlockOptions extends DenseLayerOptions {
  /** How many layers, each with its 3×3 convolution: the paper's d. Default 5. */
  layers?: number
}

const denseBlockChecks: Checks<DenseBlockOptions> = {
  ...blockChecks,
  growthRate: integerFrom(1),
  bottleneck: integerFrom(0),
  dropout: numberThat('a number in [0, 1)', (value) => value >= 0 && value < 1),
  layers: moduleCount,
}

/**
 * Normalisation, activation (ReLU), 3×3 convolution: [N, C, H, W] → [N, growthRate, H, W]; with a bottleneck the same with a 1×1
 * convolution before. Its tensors have the names of torchvision's DenseNet.
 */
class DenseLayer extends Module {
  norm1: Layer
  relu1: Layer
  conv1: Conv2d
  norm2: Layer | null
  relu2: Layer | null
  conv2: Conv2d | null
  drop: Dropout

  constructor(inChannels: number, options: DenseLayerOptions) {
    super()
    const { growthRate = 32, bottleneck = 0, dropout = 0 } = options
    const { norm, activation, ...factory } = innerOptions(options)
    const bias = norm === false
    const narrow = bottleneck * growthRate
    const spatial = { padding: 1, bias, ...factory }
    // What has no memory comes first: if it cannot be made, nothing is left to free.
    this.drop = new Dropout(dropout)
    this.relu1 = makeActivation(activation)
    this.relu2 = bottleneck > 0 ? makeActivation(activation) : null
    this.norm1 = makeNorm(norm, inChannels, factory)
    this.conv1 =
      bottleneck > 0
        ? new Conv2d(inChannels, narrow, 1, { bias, ...factory })
        : new Conv2d(inChannels, growthRate, 3, spatial)
    this.norm2 = bottleneck > 0 ? makeNorm(norm, narrow, factory) : null
    this.conv2 = bottleneck > 0 ? new Conv2d(narrow, growthRate, 3, spatial) : null
  }

  override forward(x: Tensor): Tensor {
    let y = this.conv1.forward(this.relu1.forward(this.norm1.forward(x)))
    if (this.norm2 && this.relu2 && this.conv2) {
      y = this.conv2.forward(this.relu2.forward(this.norm2.forward(y)))
    }
    return this.drop.forward(y)
  }
}

/**
 * A dense block: each layer (normalisation, ReLU, 3×3 convolution to `growthRate` channels) sees the input and the outputs of all
 * layers before it, concatenated; so does what follows: [N, C, H, W] → [N, C + layers·growthRate, H, W]. The names of its tensors are
 * those of torchvision's DenseNet.
 * @throws ValueError if a count is not a positive integer, the dropout is not a probability below 1, or the activation is unknown.
 * @see https://arxiv.org/abs/1608.06993 (Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, section 3)
 * @example new blocks.DenseBlock(64, { layers: 6, growthRate: 32, bottleneck: 4 })
 */
export class DenseBlock extends Module {
  /** Channels of the output. */
  readonly outChannels: number
  private readonly [ownLayers]: readonly DenseLayer[]

  constructor(inChannels: number, options: DenseBlockOptions = {}) {
    super()
    checkOptions('DenseBlock', options, denseBlockChecks)
    const { layers = 5, growthRate = 32, bottleneck = 0, dropout = 0 } = options
    checkCount('DenseBlock', 'inChannels', inChannels)
    const inner = { growthRate, bottleneck, dropout, ...innerOptions(options) }
    this.outChannels = inChannels + layers * growthRate
    this[ownLayers] = Array.from({ length: layers }, (_, i) => new DenseLayer(inChannels + i * growthRate, inner))
    // denselayer1 …
    Object.assign(this, Object.fromEntries(this[ownLayers].map((layer, i) => [`denselayer${i + 1}`, layer])))
  }

  override forward(x: Tensor): Tensor {
    let features = x
    for (const layer of this[ownLayers]) features = F.cat([features, layer.forward(features)], 1)
    return features
  }
}

export interface TransitionOptions extends BlockOptions {
  /** Output channels by the input's: ⌊compression·C⌋, at least 1; the paper's θ. Default 0.5. */
  compression?: number
  /** Output channels, instead of `compression`. */
  outChannels?: number
}

const transitionChecks: Checks<TransitionOptions> = {
  ...blockChecks,
  compression: numberThat('a number in (0, 1]', (value) => value > 0 && value <= 1),
  outChannels: integerFrom(1),
}

/**
 * What stands between dense blocks: normalisation, activation (ReLU), a 1×1 convolution to fewer channels and 2×2 average pooling:
 * [N, C, H, W] → [N, ⌊C / 2⌋, ⌊H / 2⌋, ⌊W / 2⌋]. Its tensors have the names of torchvision's DenseNet.
 * @throws ValueError if a count is not a positive integer, the compression is out of range, or the activation is unknown.
 * @see https://arxiv.org/abs/1608.06993 (section 3, pooling layers and compression)
 * @example new blocks.Transition(256)
 */
export class Transition extends Module {
  /** Normalisation of the input. */
  norm: Layer
  /** Activation after it. */
  relu: Layer
  /** The 1×1 convolution to fewer channels. */
  conv: Conv2d
  /** 2×2 average pooling. */
  pool = new AvgPool2d(2)
  /** Channels of the output. */
  readonly outChannels: number

  constructor(inChannels: number, options: TransitionOptions = {}) {
    super()
    const { compression = 0.5 } = checkOptions('Transition', options, transitionChecks)
    const { norm, activation, ...factory } = innerOptions(options)
    checkCount('Transition', 'inChannels', inChannels)
    this.outChannels = options.outChannels ?? Math.max(1, Math.floor(compression * inChannels))
    checkCount('Transition', 'outChannels', this.outChannels)
    this.relu = makeActivation(activation)
    this.norm = makeNorm(norm, inChannels, factory)
    this.conv = new Conv2d(inChannels, this.outChannels, 1, { bias: norm === false, ...factory })
  }

  override forward(x: Tensor): Tensor {
    return this.pool.forward(this.conv.forward(this.relu.forward(this.norm.forward(x))))
  }
}
