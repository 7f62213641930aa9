// Squeeze and excitation: each channel is scaled by what the means of all channels say, alone or behind any block.
import { type Checks, checkBoolean, checkOptions, integerFrom, refuse } from '../check.js'
import { checkTensor } from '../functional/arguments.js'
import { Conv2d } from '../nn/conv.js'
import { isLayer, type Layer, Module } from '../nn/module.js'
import { type FactoryOptions, factoryChecks } from '../nn/parameter.js'
import type { Tensor } from '../tensor.js'
import type { Block } from './layer.js'
import {
  type Activation,
  checkActivation,
  checkCount,
  checkNorm,
  factoryOf,
  makeActivation,
  makeNorm,
  type Norm,
} from './options.js'

export interface SqueezeExciteOptions extends FactoryOptions {
  /** By how much the layer between is narrower than the channels: ⌊channels / reduction⌋, at least 1. Default 16. */
  reduction?: number
  /** Channels of the layer between, instead of `reduction`. */
  squeezeChannels?: number
  /** Between the two layers; default false, as in the paper. */
  norm?: Norm
  /** Between the two layers. Default `'relu'`. */
  activation?: Activation
  /** What makes the factors. Default `'sigmoid'`. */
  gate?: Activation
}

export const squeezeChecks: Checks<SqueezeExciteOptions> = {
  ...factoryChecks,
  reduction: integerFrom(1),
  squeezeChannels: integerFrom(1),
  norm: checkNorm,
  activation: checkActivation,
  gate: checkActivation,
}

/**
 * Squeeze and excitation: y = x · σ(fc2(δ(fc1(mean of each plane)))), one factor for each channel of each sample:
 * [N, C, H, W] → [N, C, H, W]. The two layers are 1×1 convolutions, as in timm.
 * @throws ValueError if a size is not a positive integer.
 * @see https://arxiv.org/abs/1709.01507 (Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks)
 * @example new blocks.SqueezeExcite(256, { reduction: 16 })
 */
export class SqueezeExcite extends Module {
  /** The 1×1 convolution to fewer channels. */
  fc1: Conv2d
  /** Normalisation after it. */
  bn: Layer
  /** Activation after that. */
  act: Layer
  /** The 1×1 convolution back to all channels. */
  fc2: Conv2d
  /** What makes factors of its output. */
  gate: Layer
  /** Channels of the output. */
  readonly outChannels: number

  constructor(channels: number, options: SqueezeExciteOptions = {}) {
    super()
    const {
      reduction = 16,
      norm = false,
      activation = 'relu',
      gate = 'sigmoid',
    } = checkOptions('SqueezeExcite', options, squeezeChecks)
    checkCount('SqueezeExcite', 'channels', channels)
    checkCount('SqueezeExcite', 'reduction', reduction)
    const squeezeChannels = options.squeezeChannels ?? Math.max(1, Math.floor(channels / reduction))
    checkCount('SqueezeExcite', 'squeezeChannels', squeezeChannels)
    const factory = factoryOf(options)
    this.outChannels = channels
    this.fc1 = new Conv2d(channels, squeezeChannels, 1, { ...factory, bias: norm === false })
    this.bn = makeNorm(norm, squeezeChannels, factory)
    this.act = makeActivation(activation)
    this.fc2 = new Conv2d(squeezeChannels, channels, 1, factory)
    this.gate = makeActivation(gate)
  }

  override forward(x: Tensor): Tensor {
    checkTensor('SqueezeExcite', 'x', x)
    const squeezed = x.mean([2, 3], { keepdim: true }) // [N, C, 1, 1]
    const inner = this.act.forward(this.bn.forward(this.fc1.forward(squeezed)))
    return x.mul(this.gate.forward(this.fc2.forward(inner)))
  }
}

export interface ExcitedOptions extends SqueezeExciteOptions {
  /** Whether the block's input is added to its scaled output. Default false. */
  residual?: boolean
}

const excitedChecks: Checks<ExcitedOptions> = { ...squeezeChecks, residual: checkBoolean }

/**
 * Any block with squeeze and excitation behind it: se(block(x)), and with `residual` se(block(x)) + x. The scaling comes before
 * the addition, as in the paper; a block that adds its input by itself is scaled whole.
 * @throws ValueError if an option is unknown or out of range.
 * @see https://arxiv.org/abs/1709.01507 (sections 3.3 and 6.5)
 * @example new blocks.Excited(new blocks.ConvNormActivation(64, { outChannels: 64 }), { residual: true })
 */
export class Excited<Inner extends Block = Block> extends Module {
  /** The block that is scaled. */
  block: Inner
  /** Its squeeze and excitation. */
  se: SqueezeExcite
  /** Whether the block's input is added to its scaled output. */
  readonly residual: boolean
  /** Channels of the output. */
  readonly outChannels: number

  constructor(block: Inner, given: ExcitedOptions = {}) {
    super()
    if (!isLayer(block)) refuse('Excited', 'block', block, 'a block')
    const { residual = false, ...options } = checkOptions('Excited', given, excitedChecks)
    this.block = block
    this.outChannels = block.outChannels
    this.se = new SqueezeExcite(block.outChannels, options)
    this.residual = residual
  }

  override forward(x: Tensor): Tensor {
    const y = this.se.forward(this.block.forward(x))
    return this.residual ? y.add(x) : y
  }
}
